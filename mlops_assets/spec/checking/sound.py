"""Which definitions can be used though others have errors: those that are sound and need nothing that is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.checking.check import examine
from mlops_assets.spec.checking.sql import tables
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.problems import Problem, errors, in_order
from mlops_assets.spec.reading.loading import Entry, assemble
from mlops_assets.spec.reads import named_by


@dataclass(frozen=True)
class SoundPart:
    """A project of which some definitions may have errors.

    Attributes:
        project: its folder.
        problems: all that `mlops check` says, in the order of files and lines.
        kinds: by every name that is declared, sound or not, what it declares.
        own: by name, the errors of what declares it.
        needs: by name, what it names: feature views and data sets, declared or not.
        unread: errors of files and documents in which no name can be read.
        read: every declaration that is sound by itself, and where each name stands.
    """

    project: Path
    problems: tuple[Problem, ...] = ()
    kinds: Mapping[str, type[Declaration]] = field(default_factory=dict)
    own: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unread: tuple[Problem, ...] = ()
    read: Catalogue = field(default_factory=lambda: Catalogue(Path()), repr=False)

    @property
    def errors(self) -> list[Problem]:
        """Everything that makes a definition unusable."""
        return errors(self.problems)

    @cached_property
    def catalogue(self) -> Catalogue:
        """What can be used: sound itself, and all that it needs."""
        if not self.errors:
            return self.read
        usable = {*self.read.origins} - {*self.left_out}
        return Catalogue(
            project=self.project,
            datasets={name: found for name, found in self.read.datasets.items() if name in usable},
            views={name: found for name, found in self.read.views.items() if name in usable},
            models={name: found for name, found in self.read.models.items() if name in usable},
            origins={name: found for name, found in self.read.origins.items() if name in usable},
        )

    @cached_property
    def left_out(self) -> dict[str, list[Problem]]:
        """By name, the errors for which a declaration cannot be used: its own, and those of what it needs."""
        found = {name: self.errors_of(name) for name in sorted(self.kinds)}
        return {name: wrong for name, wrong in found.items() if wrong}

    def errors_of(self, name: str) -> list[Problem]:
        """The errors for which ``name`` cannot be used.

        Where it needs a name that nobody declares, files that cannot be read are among them: one may hold it.
        """
        needed = set(self._reached(name))
        missing = needed - {*self.kinds}
        found = [problem for one in needed for problem in self.own.get(one, ())]
        return in_order([*found, *(self.unread if missing else ())])

    def errors_beside(self, name: str | None) -> list[Problem]:
        """The errors that do not concern ``name``; without a name all of them."""
        concerning = self.errors_of(name) if name is not None else []
        return [problem for problem in self.errors if problem not in concerning]

    def models(self) -> list[str]:
        """Every model that is declared, sound or not."""
        return sorted(name for name, kind in self.kinds.items() if kind is Model)

    def names(self) -> list[str]:
        """Every name that is declared, sound or not: models, feature views, data sets."""
        order = [Model, FeatureView, Dataset]
        return sorted(self.kinds, key=lambda name: (order.index(self.kinds[name]), name))

    def _reached(self, name: str) -> Iterator[str]:
        waiting, seen = [name], set()
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                yield one
                waiting += self.needs.get(one, ())


def sound_part(project: Path, environment: Mapping[str, str] | None = None) -> SoundPart:
    """Every definition of a project with what is wrong about it and what it needs.

    Args:
        project: folder with ``definitions/``.
        environment: variables for ``{{ env.NAME }}``; default: those of the process.
    """
    entries, mended, problems = examine(project, environment)
    datasets = [entry.name for entry in entries if entry.name is not None and entry.kind is Dataset]
    own: dict[str, list[Problem]] = {}
    needs: dict[str, frozenset[str]] = {}
    unread = []
    for problem in errors(problems):
        names = {entry.name for entry in entries if problem == entry.file_problem or _stands_in(problem, entry)}
        for name in names - {None}:
            own.setdefault(str(name), []).append(problem)
        if not names or None in names:
            unread.append(problem)
    for entry in mended:
        if entry.declaration is not None and entry.name is not None:
            needs[entry.name] = needs.get(entry.name, frozenset()) | _needs(entry.declaration, datasets)
    origins = {entry.name: entry.origin for entry in reversed(entries) if entry.name is not None}
    return SoundPart(
        project=project,
        problems=tuple(problems),
        kinds={entry.name: entry.kind for entry in reversed(entries) if entry.name is not None},
        own={name: tuple(found) for name, found in own.items()},
        needs=needs,
        unread=tuple(unread),
        read=replace(assemble(project, entries), origins=origins),
    )


def _stands_in(problem: Problem, entry: Entry) -> bool:
    return problem.file == entry.origin.file and entry.origin.line <= problem.line <= entry.last


def _needs(declaration: Declaration, datasets: list[str]) -> frozenset[str]:
    """What a declaration names, and the tables of its queries that nobody declares."""
    found = named_by(declaration, datasets)
    if isinstance(declaration, Model) and declaration.label is not None:
        known = {name.lower() for name in datasets}
        read = {*tables(declaration.label.sql), *tables(declaration.population or "")}
        found |= {table for table in read if table.lower() not in known}
    return found
