"""Collects problems of sound declarations, each with the line of its key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mlops_assets.errors import misspelling, nearest
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.problems import KeyPath, Problem, Severity, in_order, spell


@dataclass(frozen=True)
class KnownColumns:
    """Columns that can be told without reading rows; ``complete`` where there can be no other ones."""

    names: tuple[str, ...]
    complete: bool

    def __or__(self, other: KnownColumns) -> KnownColumns:
        return KnownColumns(tuple(dict.fromkeys((*self.names, *other.names))), self.complete and other.complete)


@dataclass
class Findings:
    """Problems of the declarations of ``catalogue``.

    ``unknown`` holds names that are declared, but about which nothing can be said since their own declaration is broken.
    """

    catalogue: Catalogue
    unknown: frozenset[str] = frozenset()
    _problems: list[Problem] = field(default_factory=list)

    def add(
        self,
        owner: str,
        path: KeyPath,
        found: str,
        *,
        valid: Iterable[str] = (),
        suggestion: str | None = None,
        do: str | None = None,
        severity: Severity = "error",
    ) -> None:
        """Note a problem of the declaration ``owner`` at ``path``; one value in place of a list of one has no number."""
        origin = self.catalogue.origins[owner]
        if path and isinstance(path[-1], int) and path not in origin.lines and path[:-1] in origin.lines:
            path = path[:-1]
        problem = Problem(origin.file, origin.line_of(path), spell(path), found, tuple(valid), suggestion, severity, do)
        self._problems.append(problem)

    def name(self, owner: str, path: KeyPath, found: str, valid: Iterable[str], what: str) -> bool:
        """Whether ``found`` is among ``valid``; if not, that is a problem."""
        names = tuple(valid)
        if found in names:
            return True
        self.add(owner, path, f"there is no {what} {found!r}", valid=names, suggestion=nearest(found, names))
        return False

    def column(self, owner: str, path: KeyPath, found: str, columns: KnownColumns, where: str) -> None:
        """A column that certainly is not there, or that is spelled almost like one that is, is a problem."""
        if found in columns.names:
            return
        if columns.complete:
            self.add(owner, path, f"{where} has no column {found!r}", valid=columns.names, suggestion=nearest(found, columns.names))
            return
        if meant := misspelling(found, columns.names):
            do = f"If it is another column, declare {found!r} under `columns` of {where}."
            self.add(owner, path, f"{where} declares no column {found!r}", suggestion=meant, do=do)

    def all(self) -> list[Problem]:
        """Everything that was noted, in the order of files and lines."""
        return in_order(self._problems)
