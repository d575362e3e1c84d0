"""What there is to know of one kind of source. Each kind has a file of its name in this folder, with a ``SOURCE``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mlops_assets.data.sources.context import SourceContext, Window
from mlops_assets.data.sources.paths import SourceFile
from mlops_assets.data.sources.pieces import Pieces
from mlops_assets.spec.decides import without_later_defaults
from mlops_assets.spec.sources import SourceFormat

if TYPE_CHECKING:
    from mlops_assets.spec.dataset import Dataset

Format = TypeVar("Format", bound=SourceFormat)


def _never(form: Any, *_: Any) -> bool:
    return False


def _whole_declaration(form: SourceFormat) -> dict[str, Any]:
    declaration: dict[str, Any] = without_later_defaults(form)
    return declaration


@dataclass(frozen=True)
class SourceKind(Generic[Format]):
    """How one kind of source is read. Every function gets the source's own declaration first.

    Attributes:
        read: pieces with the rows of a window (None: everything) as the source gives them. They may reach beyond the window; the caller
            cuts by event time once the columns have their types.
        has_history: whether it can say what a table was at a past time, so that snapshots of the past can be taken from it.
        reads_only_window: whether dated rows outside the window are left out while reading, so that undated ones may be all that is there.
        rereadable: whether reading twice costs nothing but time and gives the same rows.
        in_order: whether it gives the same rows in the same order every time.
        files: the files that are read for a window, where they are files that may change; it raises where one is not there.
        fingerprinted: the part of the declaration that enters the fingerprint: plain JSON without passwords.
    """

    read: Callable[[Format, Dataset, Window | None, SourceContext], Pieces]
    has_history: Callable[[Format, SourceContext], bool] = _never
    reads_only_window: Callable[[Format], bool] = _never
    rereadable: bool = False
    in_order: bool = True
    files: Callable[[Format, Dataset, Window | None, SourceContext], list[SourceFile]] | None = None
    fingerprinted: Callable[[Format], dict[str, Any]] = _whole_declaration
