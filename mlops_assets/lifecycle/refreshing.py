"""Reading stored partitions of a data set again: which can be, what came of it, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError, nearest

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.dataset import Dataset

PAST = "its source shows only how the table is now"
GONE = "the file that it was read from is gone"
"""Why a partition cannot be read again."""

Bound = str | date | datetime
"""A partition's key, or a moment in it."""


class RefreshError(MlopsError):
    """Nothing can be read again as it was asked."""


@dataclass(frozen=True)
class Chosen:
    """Partitions that are read again, oldest first (None: the whole table), and those that cannot be, with the reason."""

    keys: Sequence[str | None]
    unreadable: Mapping[str | None, str]


@dataclass(frozen=True)
class Refreshed:
    """A partition that was read again. ``note`` says what is different; it is empty where nothing is."""

    partition: str | None
    before: str
    version: str
    note: Mapping[str, Any]

    @property
    def changed(self) -> bool:
        """Whether there is a new version."""
        return self.before != self.version

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        note = {"added": 0, "removed": 0, "altered": 0, "columns": []} | dict(self.note)
        return {"partition": self.partition, "changed": self.changed, "before": self.before, "version": self.version, **note}


def known_dataset(workspace: Workspace, name: str) -> Dataset:
    """The declaration of a data set.

    Raises:
        RefreshError: when there is none of that name.
    """
    datasets = workspace.catalogue.datasets
    if name not in datasets:
        guess = nearest(name, datasets)
        raise RefreshError(f"there is no data set {name!r}.", valid=sorted(datasets), do=f"Did you mean {guess!r}?" if guess else None)
    return datasets[name]


def choose(workspace: Workspace, name: str, first: Bound | None = None, last: Bound | None = None) -> Chosen:
    """Stored partitions of a data set from ``first`` to ``last`` (both included; None: all that have a version).

    Raises:
        RefreshError: when there are none, none of them can be read again, or bounds are given that cannot be.
    """
    chosen = among(workspace, name, _stored(workspace, name, first, last))
    bounded = first is not None or last is not None
    if not chosen.keys or (bounded and PAST in chosen.unreadable.values()):
        key, why = next(iter(chosen.unreadable.items()))
        which = "the table" if key is None else f"partition {key}"
        raise RefreshError(f"{which} cannot be read again: {why}.", where=name, do="Its stored version stays as it is.")
    return chosen


def among(workspace: Workspace, name: str, keys: Collection[str | None]) -> Chosen:
    """Those of some partitions that are stored and can be read again."""
    from mlops_assets.data.ingest.filestates import FilesNow
    from mlops_assets.data.ingest.rereading import unreadable_past
    from mlops_assets.data.sources import of_files

    dataset, context = known_dataset(workspace, name), workspace.source_context(name)
    calendar = dataset.calendar
    stored: list[str | None] = [*workspace.store.window(name, [*keys])]
    if calendar is not None:
        stored = [*sorted((key for key in stored if key is not None), key=calendar.start_of)]
    past = unreadable_past(dataset, [key for key in stored if key is not None], context, workspace.now())
    unreadable: dict[str | None, str] = dict.fromkeys(past, PAST)
    if of_files(dataset):
        files = FilesNow(dataset, context)
        unreadable |= {key: GONE for key in stored if key not in unreadable and not files.read_for(key)}
    return Chosen([key for key in stored if key not in unreadable], unreadable)


def _stored(workspace: Workspace, name: str, first: Bound | None, last: Bound | None) -> list[str | None]:
    dataset = workspace.catalogue.datasets[name]
    calendar = dataset.calendar
    if calendar is None:
        if first is not None or last is not None:
            raise RefreshError("it has no partitions, so --from and --to do not apply.", where=name)
        if workspace.store.current(name, None) is None:
            raise RefreshError("it is not stored yet.", where=name, do="`mlops run` of a model that reads it stores it.")
        return [None]
    stored = sorted((key for key in workspace.store.partitions(name) if calendar.contains(key)), key=calendar.start_of)
    if not stored:
        raise RefreshError("none of its partitions is stored yet.", where=name, do="`mlops run` of a model that reads it stores them.")
    from_, to = (bound if bound is None or isinstance(bound, str) else calendar.key_of(bound) for bound in (first, last))
    chosen = [
        key
        for key in stored
        if (from_ is None or calendar.start_of(key) >= calendar.start_of(from_))
        and (to is None or calendar.start_of(key) <= calendar.start_of(to))
    ]
    if not chosen:
        raise RefreshError(
            f"no partition from {from_ or stored[0]} to {to or stored[-1]} is stored.", where=name, valid=[f"{stored[0]} … {stored[-1]}"]
        )
    return [*chosen]


def outcome(workspace: Workspace, name: str, before: Mapping[str | None, Manifest]) -> list[Refreshed]:
    """What became of partitions that were read again, oldest first."""
    now = workspace.store.window(name, [*before])
    found = []
    for key, manifest in before.items():
        current = now[key]
        note = (current.note or {}) if current.digest != manifest.digest else {}
        found.append(Refreshed(key, manifest.digest, current.digest, note))
    return found


def followers(workspace: Workspace, name: str, before: Mapping[str | None, Manifest]) -> dict[str, list[dict[str, Any]]]:
    """What follows from new versions of a data set: feature views that the next run computes again, and models that learned from the old.

    Args:
        before: the versions that were replaced.
    """
    from mlops_assets.lifecycle.needs import needed_views

    catalogue, store = workspace.catalogue, workspace.store
    views = {view: store.partitions(view) for view in sorted(catalogue.views) if name in catalogue.views[view].from_}
    features = [
        {"view": need.asset, "again": len(need.keys), "kept": need.kept}
        for need in needed_views(workspace, {view: keys for view, keys in views.items() if keys})
    ]
    digests = {manifest.reference: manifest.digest for manifest in before.values()}
    models = []
    for model in sorted(catalogue.models):
        for manifest in store.window(f"{model}/training_set", [None, *store.partitions(f"{model}/training_set")]).values():
            if read := _read(workspace, manifest, digests, {}):
                models.append({"model": model, "partition": manifest.partition, "read": len(read)})
    return {"features": features, "models": models}


def _read(workspace: Workspace, manifest: Manifest, digests: Mapping[str, str], known: dict[str, set[str]]) -> set[str]:
    """Those of the versions in ``digests`` (by reference) that a version was made from, directly or through others."""
    found: set[str] = set()
    for reference, digest in manifest.inputs.items():
        if digests.get(reference) == digest:
            found.add(reference)
        elif reference.partition("@")[0] in workspace.catalogue.views:
            if digest not in known:
                known[digest] = _read(workspace, workspace.store.resolve(reference, digest), digests, known)
            found |= known[digest]
    return found
