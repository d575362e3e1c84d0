"""A Python function as a source."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.functions import as_table, call
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.pieces import Pieces, cut
from mlops_assets.functions import resolve

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import PythonSource


def read(source: PythonSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """What the function returns for ``(start, end)`` (both None for everything), or for no arguments if it takes none.

    Raises:
        SourceError: when it takes other parameters, raises, or returns no table.
    """
    function = resolve(source.function, context.folder)
    parameters = [
        parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if name not in source.arguments and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    if (parameters and len(parameters) < 2) or sum(parameter.default is parameter.empty for parameter in parameters) > 2:
        taken = ", ".join(parameter.name for parameter in parameters)
        raise SourceError(
            f"{source.function} takes ({taken}).",
            where=str(context.folder),
            valid=("(start, end)", "no parameters"),
            do="Give its further parameters as arguments of the source.",
        )
    bounds = (window or (None, None)) if parameters else ()
    return cut(as_table(source.function, function, call(source.function, function, *bounds, **source.arguments)))


def _takes_window(source: PythonSource, context: SourceContext) -> bool:
    """Whether the function takes start and end, and so can say what was at a past time."""
    names = inspect.signature(resolve(source.function, context.folder)).parameters
    return any(name not in source.arguments for name in names)


SOURCE = SourceKind(read, has_history=_takes_window)
