"""Whether the source of what is stored is still what was read: which partitions a correction of files concerns, and only those.

Sources of files are looked at, cheaply first: as long as each file has the content that was read, nothing is read again. Where one has not,
the stored partitions are compared with what the source says now, row by row, and those that are the same are remembered with that state of
the files, so that the next look is cheap again. Other sources say nothing until they are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.declared import read_differently
from mlops_assets.lifecycle.reads import last_states, note_state

if TYPE_CHECKING:
    from mlops_assets.data.ingest.changes import Change
    from mlops_assets.data.ingest.filestates import FileChanges, FilesNow
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace

QUICK_BYTES = 100 * 2**20
"""Size of files up to which a look that should be quick may read them."""

_SHOWN = 3


@dataclass(frozen=True)
class Differs:
    """A partition whose source is not what was read: what is different, or why that cannot be said or would not be stored."""

    partition: str | None
    change: Change | None
    problem: str | None = None

    def __str__(self) -> str:
        said = [str(self.change)] if self.change else []
        return "; ".join([*said, *([self.problem] if self.problem else [])])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        from mlops_assets.data.ingest.changes import Change

        change = self.change or Change()
        counts = {"added": change.added, "removed": change.removed, "altered": change.altered, "columns": list(change.columns)}
        return {"partition": self.partition, **counts, "problem": self.problem}


@dataclass(frozen=True)
class SourceNow:
    """What became of the source of a data set since its partitions were read.

    Attributes:
        compared: how many partitions were looked at.
        unknown: how many others were read before it was noted from which files.
        differing: partitions whose source says something else now.
        suspected: partitions that were read from a file that is another one now; whether they differ was not looked at.
        files: the files that are not as they were.
        problem: why the source could not be looked at.
    """

    dataset: str
    compared: int = 0
    unknown: int = 0
    differing: Sequence[Differs] = ()
    suspected: Sequence[str | None] = ()
    files: FileChanges | None = None
    problem: str | None = None

    @property
    def keys(self) -> list[str | None]:
        """Partitions that a refresh would read again."""
        return [one.partition for one in self.differing] + list(self.suspected)

    @property
    def text(self) -> str | None:
        """One line for people; None where there is nothing to say."""
        if self.problem:
            which = f"{self._files()}, and " if self.files else ""
            return f"{self.dataset}: {which}its source cannot be compared with what was read: {self.problem}"
        if self.suspected:
            return f"{self.dataset}: {self._files()}; {_span(self.suspected)} may be affected; {self._do(self.suspected)}"
        if not self.differing:
            return None
        shown = ", ".join(f"{one.partition} ({one})" if one.partition else str(one) for one in self.differing[:_SHOWN])
        more = len(self.differing) - _SHOWN
        rest = f" and {more:,} more, up to {self.differing[-1].partition}" if more > 0 else ""
        which = "the table" if self.differing[0].partition is None else _count(len(self.differing))
        return f"{self.dataset}: the source of {which} is no longer what was read: {shown}{rest}; {self._do(self.keys)}"

    def to_json(self) -> dict[str, Any]:
        """Plain data; grows by keys only."""
        return {
            "dataset": self.dataset,
            "compared": self.compared,
            "unknown": self.unknown,
            "differing": [one.to_json() for one in self.differing],
            "suspected": list(self.suspected),
            "files": self.files.to_json() if self.files else None,
            "problem": self.problem,
            "text": self.text,
        }

    def _files(self) -> str:
        found = self.files.to_json() if self.files else {}
        names = [(name, kind) for kind, names in found.items() for name in names]
        words = {"changed": "changed", "removed": "is gone", "added": "is new"}
        said = ", ".join(f"{name} {words[kind]}" for name, kind in names[:_SHOWN])
        return said + (f" and {len(names) - _SHOWN} more files" if len(names) > _SHOWN else "")

    def _do(self, keys: Sequence[str | None]) -> str:
        span = "" if keys[0] is None else f" --from {keys[0]} --to {keys[-1]}"
        return f"`mlops refresh {self.dataset}{span}` reads {'it' if len(keys) == 1 else 'them'} again"


def look_at_source(workspace: Workspace, dataset: str, keys: Iterable[str | None], limit: int | None = None) -> SourceNow | None:
    """Whether the source of stored partitions is still what was read. A problem of the source is told, never raised.

    Args:
        keys: which partitions; None is the whole table. Those without a version are passed over.
        limit: bytes of files that may be read to say which partitions differ; None: all.

    Returns:
        None for a source that cannot be compared without reading it: a query, a function, a bundled or pinned data set.
    """
    from mlops_assets.data.sources import of_files

    declared = workspace.catalogue.datasets[dataset]
    if not of_files(declared):
        return None
    try:
        return _Look(workspace, dataset).at(keys, limit)
    except MlopsError as error:
        return SourceNow(dataset, problem=str(error))


@dataclass
class _Look:
    """One look at the source of a data set."""

    workspace: Workspace
    name: str
    now: FilesNow = field(init=False)

    def __post_init__(self) -> None:
        from mlops_assets.data.ingest.filestates import FilesNow

        self.dataset = self.workspace.catalogue.datasets[self.name]
        self.context = self.workspace.source_context(self.name)
        self.now = FilesNow(self.dataset, self.context)

    def at(self, keys: Iterable[str | None], limit: int | None) -> SourceNow:
        from mlops_assets.data.ingest.filestates import FileChanges

        stored = self._stored(keys)
        states = last_states(self.workspace, self.name, stored)
        records = {digest: self.workspace.store.get_record("source", digest)["files"] for digest in sorted({*states.values()})}
        changes = {key: found for key, digest in states.items() if (found := self.now.changes(key, records[digest]))}
        whole = FileChanges()
        for found in {*changes.values()}:
            whole = whole.joined(found)
        seen = SourceNow(self.name, compared=len(states), unknown=len(stored) - len(states))
        if not changes:
            return seen
        if limit is not None and sum(self.now.size(name) for name in {name for key in changes for name in self.now.read_for(key)}) > limit:
            return replace(seen, suspected=[*changes], files=whole)
        differing = self._compared({key: stored[key] for key in changes}, changes)
        problems = {one.problem for one in differing if one.change is None}
        if len(differing) == len(changes) > 1 and len(problems) == 1 and all(one.change is None for one in differing):
            return replace(seen, suspected=[*changes], files=whole, problem=problems.pop())
        return replace(seen, differing=differing, files=whole if differing else None)

    def _stored(self, keys: Iterable[str | None]) -> dict[str | None, Manifest]:
        """Current versions of those partitions that were read as is declared today and can be read again, oldest first."""
        from mlops_assets.data.ingest.rereading import unreadable_past

        calendar = self.dataset.calendar
        if calendar is None:
            return self.workspace.store.window(self.name, [None])
        wanted = sorted({key for key in keys if key is not None}, key=calendar.start_of)
        passed = {*read_differently(self.workspace, self.name, wanted)}
        if unreadable_past(self.dataset, [calendar.first_key, calendar.shift(calendar.first_key, 1)], self.context, self.workspace.now()):
            return {}
        found = self.workspace.store.window(self.name, [key for key in wanted if key not in passed])
        return {key: found[key] for key in wanted if key in found}

    def _compared(self, stored: Mapping[str | None, Manifest], changes: Mapping[str | None, FileChanges]) -> list[Differs]:
        """Partitions that differ, by reading; those that do not are remembered with the state of the files now."""
        from mlops_assets.data.ingest.rereading import reread

        gone = [key for key in stored if not self.now.read_for(key)]
        differing = {key: Differs(key, None, f"{', '.join(changes[key].removed)} is gone") for key in gone}
        read = {key: manifest for key, manifest in stored.items() if key not in differing}
        same = self._untouched(read, changes)
        for one in reread(self.dataset, {k: m for k, m in read.items() if k not in same}, self.workspace.store, self.context):
            if one.change or one.problem:
                differing[one.key] = Differs(one.key, one.change, one.problem)
            else:
                same[one.key] = one.read_from
        note_state(self.workspace, self.name, [(stored[key], state) for key, state in same.items()])
        return [differing[key] for key in stored if key in differing]

    def _untouched(
        self, stored: Mapping[str | None, Manifest], changes: Mapping[str | None, FileChanges]
    ) -> dict[str | None, Mapping[str, Any] | None]:
        """Partitions that only got new files without a row of theirs, with the state of the files now."""
        from mlops_assets.data.ingest.rereading import touched_by

        only_new = [key for key in stored if key is not None and not (changes[key].changed or changes[key].removed)]
        if not only_new:
            return {}
        added = sorted({name for key in only_new for name in changes[key].added})
        touched = {*touched_by(self.dataset, only_new, added, self.workspace.store, self.context)}
        return {key: self.now.state(key, self.workspace.store) for key in only_new if key not in touched}


def _count(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions:,} partitions"


def _span(keys: Sequence[str | None]) -> str:
    if keys[0] is None:
        return "the table"
    return f"partition {keys[0]}" if len(keys) == 1 else f"partitions {keys[0]} … {keys[-1]}"
