"""Every stored partition of a data set beside what its source says today, under today's rules of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.reads import last_states
from mlops_assets.lifecycle.refreshing import PAST, known_dataset

if TYPE_CHECKING:
    from mlops_assets.data.ingest.exactness import Inexact
    from mlops_assets.data.ingest.filestates import FilesNow
    from mlops_assets.data.ingest.rereading import Reread
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.dataset import Dataset

EXAMPLES = 3
PRIVATE = "(personal data)"

SAME, ANOTHER, UNKNOWN, NO_FILE = "same", "another", "unknown", "no file"
"""Whether the files are those that were read: not known of what was read before that was noted; and there are sources without files."""


@dataclass(frozen=True)
class Mismatch:
    """A partition that is not what its source says.

    Attributes:
        stored: whether there is a version of it; False for rows of a partition between stored ones that is not stored.
        columns: in how many rows at least the values of a column are others.
        files: :data:`SAME`: what is stored is not what was read. :data:`ANOTHER`: the source has changed since.
        reasons: rules that rows of the source break today, and why it cannot be compared.
        examples: rows as they are stored and as the source has them, without personal data; None on the side where there is none.
        inexact: what pinned types hide.
    """

    partition: str | None
    stored: bool = True
    added: int = 0
    removed: int = 0
    altered: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    quarantined: tuple[int, int] | None = None
    files: str = NO_FILE
    reasons: Sequence[str] = ()
    examples: Sequence[Mapping[str, Any]] = ()
    inexact: Sequence[Inexact] = ()


@dataclass(frozen=True)
class Verified:
    """What the look at one data set came to: how many partitions were compared, which differ, and which cannot be compared, and why."""

    dataset: str
    compared: int
    differing: Sequence[Mismatch]
    unverifiable: Mapping[str | None, str]

    @property
    def sound(self) -> bool:
        """Whether nothing differs. What cannot be compared by its nature is no difference."""
        return not self.differing


def stored_datasets(workspace: Workspace) -> list[str]:
    """Declared data sets of which something is stored, sorted."""
    stored = {*workspace.store.assets()}
    return sorted(name for name in workspace.catalogue.datasets if name in stored)


def verify_source(workspace: Workspace, name: str) -> Verified:
    """Read the source of a data set again and compare every stored partition with it.

    Raises:
        RefreshError: when there is no such data set.
    """
    from mlops_assets.data.ingest.filestates import FilesNow
    from mlops_assets.data.ingest.rereading import reread, unreadable_past
    from mlops_assets.data.sources import of_files

    dataset, context = known_dataset(workspace, name), workspace.source_context(name)
    stored = _stored(workspace, dataset)
    files = FilesNow(dataset, context) if of_files(dataset) else None
    states = _states(workspace, name, stored, files)
    past = unreadable_past(dataset, [key for key in stored if key is not None], context, workspace.now())
    gone = [key for key in stored if files is not None and key not in past and not files.read_for(key)]
    differing = {key: Mismatch(key, files=ANOTHER, reasons=["the file that it was read from is gone"]) for key in gone}
    wanted: dict[str | None, Manifest | None] = {key: m for key, m in stored.items() if key not in past and key not in differing}
    compared = len(wanted)
    if dataset.kind == "events":
        wanted |= dict.fromkeys(key for key in _holes(dataset, [*wanted]) if files is None or files.read_for(key))
    hidden = _hidden(workspace, dataset, wanted)
    for one in reread(dataset, wanted, workspace.store, context) if wanted else ():
        found = _mismatch(workspace, dataset, one, states.get(one.key, NO_FILE), hidden.get(one.key, []))
        if found is not None:
            differing[one.key] = found
    keys = sorted(differing, key=lambda key: dataset.calendar.start_of(key) if key is not None and dataset.calendar else workspace.now())
    return Verified(name, compared, [differing[key] for key in keys], dict.fromkeys(past, PAST))


def _stored(workspace: Workspace, dataset: Dataset) -> dict[str | None, Manifest]:
    calendar = dataset.calendar
    if calendar is None:
        return workspace.store.window(dataset.name, [None])
    keys = sorted((key for key in workspace.store.partitions(dataset.name) if calendar.contains(key)), key=calendar.start_of)
    found = workspace.store.window(dataset.name, keys)
    return {key: found[key] for key in keys}


def _states(workspace: Workspace, name: str, stored: Mapping[str | None, Manifest], files: FilesNow | None) -> dict[str | None, str]:
    """Of each stored partition whether the files are those that were read."""
    if files is None:
        return dict.fromkeys(stored, NO_FILE)
    known = last_states(workspace, name, stored)
    records = {digest: workspace.store.get_record("source", digest)["files"] for digest in {*known.values()}}
    return {key: UNKNOWN if key not in known else ANOTHER if files.changes(key, records[known[key]]) else SAME for key in stored}


def _holes(dataset: Dataset, keys: Sequence[str | None]) -> list[str]:
    """Single partitions without a version between two that have one, whose rows nothing would ever read."""
    calendar = dataset.calendar
    dated = {key for key in keys if key is not None}
    if calendar is None or len(dated) < 2:
        return []
    line = calendar.between(min(dated, key=calendar.start_of), max(dated, key=calendar.start_of))
    return [key for number, key in enumerate(line) if key not in dated and line[number - 1] in dated and line[number + 1] in dated]


def _hidden(workspace: Workspace, dataset: Dataset, keys: Mapping[str | None, Any]) -> dict[str | None, list[Inexact]]:
    """What the pinned types hide, by partition; nothing where the source cannot be read, which the comparison tells."""
    from mlops_assets.data.ingest.exactness import inexact
    from mlops_assets.data.ingest.pinning import pinned_types

    pins, calendar = pinned_types(dataset, workspace.store), dataset.calendar
    if pins is None or not keys:
        return {}
    dated = None if calendar is None else sorted((key for key in keys if key is not None), key=calendar.start_of)
    found: dict[str | None, list[Inexact]] = {}
    try:
        for one in inexact(dataset, dated, pins, workspace.source_context(dataset.name)):
            found.setdefault(one.partition, []).append(one)
    except MlopsError:
        return {}
    return found


def _mismatch(workspace: Workspace, dataset: Dataset, one: Reread, files: str, hidden: Sequence[Inexact]) -> Mismatch | None:
    """What differs in one partition; None where nothing does."""
    from mlops_assets.data.ingest.changes import Comparison

    reasons = [*([one.problem] if one.problem else []), *(str(broken) for broken in one.violations if not one.problem)]
    if one.stored is None:
        if not one.change:
            return None
        return Mismatch(one.key, stored=False, added=one.change.added, reasons=reasons, files=files)
    if one.change is None or one.rows is None:
        return Mismatch(one.key, files=files, reasons=reasons)
    aside = one.change.quarantined
    aside = aside if aside and aside[0] != aside[1] else None
    with Comparison(workspace.store, one.stored, one.rows, dataset.primary_key) as found:
        columns = {name: count for name, count in found.columns.items() if count or not _absent(one, name)}
        hidden = [one for one in hidden if not one.refused or found.removed or found.altered]
        if not (found.added or found.removed or found.altered or columns or aside or hidden):
            return None
        pairs = found.examples(EXAMPLES)
    examples = [_example(dataset, before, now) for before, now in pairs]
    if found.removed and one.undated:
        reasons += [str(broken) for broken in one.undated]
    return Mismatch(
        one.key,
        added=found.added,
        removed=found.removed,
        altered=found.altered,
        columns=columns,
        quarantined=aside,
        files=files,
        reasons=reasons,
        examples=examples,
        inexact=hidden,
    )


def _absent(one: Reread, name: str) -> bool:
    """Whether a column is on one side only, and has no value there."""
    assert one.rows is not None
    assert one.stored is not None
    return name not in one.stored.columns and one.rows.column(name).null_count == one.rows.num_rows


def _example(dataset: Dataset, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> dict[str, Any]:
    """A row as it is stored and as the source has it; of a row that is on both sides the key and what differs."""
    if before is not None and now is not None:
        shown = [name for name in before if name in dataset.primary_key or before[name] != now[name]]
        before, now = ({name: row[name] for name in shown} for row in (before, now))
    return {"stored": _masked(dataset, before), "source": _masked(dataset, now)}


def _masked(dataset: Dataset, row: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: PRIVATE if _private(dataset, name) and value is not None else value for name, value in row.items()}


def _private(dataset: Dataset, name: str) -> bool:
    return name in dataset.columns and dataset.columns[name].pii
