"""Calling the functions that a definition names: what they raise or return wrongly is named with function and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.frames import from_frame
from mlops_assets.functions import failed_at, resolve

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext


def call(reference: str, function: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """Call a user's function.

    Raises:
        SourceError: naming function, file and line when it raises.
    """
    try:
        return function(*positional, **named)
    except Exception as error:
        found = f"{reference} raised {type(error).__name__}: {error}."
        raise SourceError(found, where=failed_at(function, error), do="Correct the function.") from error


def prepare(reference: str, table: pa.Table, context: SourceContext) -> pa.Table:
    """The rows after the data set's `prepare` function, which gets and returns a pandas frame.

    Raises:
        SourceError: when it raises or returns something else.
    """
    function = resolve(reference, context.folder)
    result = call(reference, function, table.to_pandas(date_as_object=False))
    return as_table(reference, function, result)


def as_table(reference: str, function: Callable[..., Any], result: Any) -> pa.Table:
    """What a function returned as an Arrow table: from a table, a pandas frame, or anything with the Arrow stream interface."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(result, pa.Table):
        return result
    if isinstance(result, pd.DataFrame):
        return from_frame(result)
    if hasattr(result, "__arrow_c_stream__"):
        return pa.table(result)
    raise SourceError(
        f"{reference} returned {type(result).__name__}.",
        where=_definition(function),
        valid=("pandas.DataFrame", "pyarrow.Table"),
        do="Return one row per record.",
    )


def _definition(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
