"""Compute partitions of a feature view: features of every entity at each partition's as-of time."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.results import Check, Document, Made, Stored
from mlops_assets.spec.windows import view_window

if TYPE_CHECKING:
    from mlops_assets.data.features.computing import Computed
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec import FeatureView

BEFORE = 5
"""So many partitions before the one that is looked at say what is usual."""
MORE_MISSING = 0.10
"""A feature that is missing in this much more of the entities than usual is worth a look."""
FEWER = 0.5
"""Fewer entities than this share of the usual number, or more than its inverse, are worth a look."""


def make_features(workspace: Workspace, name: str, keys: Sequence[str | None]) -> Made:
    """Compute view ``name`` at every as-of time of ``keys`` from the versions that are current now; publish it where it is online."""
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.features.table import FeatureError

    view = workspace.catalogue.views[name]
    done: list[Computed] = []
    try:
        for item in compute_features(view, workspace.catalogue, keys, workspace.store, memory_limit=workspace.settings.duckdb_memory):
            done.append(item)
    except FeatureError as error:
        return Made([_stored(item) for item in done], [Check("schema", False, description=str(error))], error)
    if view.online is not None and done:
        _publish(workspace, view, done[-1].key)
    return Made([_stored(item) for item in done], [*_checks(workspace, view, done)])


def _publish(workspace: Workspace, view: FeatureView, key: str | None) -> None:
    """Make the newest partition of this run what the server looks up by entity; it never replaces a newer one."""
    from mlops_assets.serving.online import open_online
    from mlops_assets.serving.publishing import publish_partition

    with contextlib.closing(open_online(workspace.settings.online_url)) as online:
        publish_partition(view, workspace.catalogue, key, workspace.store, online)


def _stored(item: Computed) -> Stored:
    shares = {f"missing_{name}": share for name, share in _missing(item.manifest).items() if share}
    return Stored(item.key, item.manifest.digest, {"changed": item.changed, **shares}, item.manifest)


def _checks(workspace: Workspace, view: FeatureView, done: Sequence[Computed]) -> Iterator[Check]:
    rows = sum(item.manifest.rows for item in done)
    yield Check("schema", True, {"rows": rows})
    gaps: dict[str, str] = {}
    odd: dict[str, str] = {}
    for item, usual in _with_usual(workspace, view, done):
        gaps.update({f"{name} at {item.key}" if item.key else name: text for name, text in _gaps(item.manifest, usual).items()})
        if (text := _unusual_count(item.manifest, usual)) is not None:
            odd[str(item.key or view.name)] = text
    yield Check("missing_values", not gaps, {"rows": rows, "features": _first(gaps)}, description=_words(gaps))
    yield Check("entity_coverage", not odd, {"entities": rows, "partitions": _first(odd)}, description=_words(odd))


def _with_usual(workspace: Workspace, view: FeatureView, done: Sequence[Computed]) -> Iterator[tuple[Computed, list[Manifest]]]:
    """Each partition with the ones before it that had a whole lookback of data behind them."""
    window = view_window(view, workspace.catalogue)
    calendar = window.calendar
    if calendar is None:
        yield from ((item, []) for item in done)
        return
    first = calendar.shift(calendar.first_key, window.lookback - 1)
    ordered = sorted((item for item in done if item.key is not None), key=lambda item: calendar.start_of(str(item.key)))
    if not ordered:
        return
    start = calendar.start_of(str(ordered[0].key))
    earlier = [key for key in workspace.store.partitions(view.name) if calendar.contains(key) and calendar.start_of(key) < start]
    found = workspace.store.window(view.name, sorted(earlier, key=calendar.start_of)[-BEFORE:])
    usual = [manifest for key, manifest in found.items() if key is not None and calendar.start_of(key) >= calendar.start_of(first)]
    for item in ordered:
        yield item, usual[-BEFORE:]
        if calendar.start_of(str(item.key)) >= calendar.start_of(first):
            usual.append(item.manifest)


def _missing(manifest: Manifest) -> dict[str, float]:
    """Share of entities without a value, by feature."""
    counts: Mapping[str, Any] = manifest.facts.get("missing", {})
    return {name: count / manifest.rows for name, count in counts.items()} if manifest.rows else {}


def _gaps(manifest: Manifest, usual: Sequence[Manifest]) -> dict[str, str]:
    before = [_missing(one) for one in usual if one.rows]
    found = {}
    for name, share in _missing(manifest).items():
        known = [shares[name] for shares in before if name in shares]
        if share == 1.0:
            found[name] = "missing everywhere"
        elif known and share - statistics.median(known) >= MORE_MISSING:
            found[name] = f"missing in {share:.0%} of the entities, usually in {statistics.median(known):.0%}"
    return found


def _unusual_count(manifest: Manifest, usual: Sequence[Manifest]) -> str | None:
    if not manifest.rows:
        return "no entity has features"
    if not usual:
        return None
    expected = statistics.median(one.rows for one in usual)
    if expected and not FEWER <= manifest.rows / expected <= 1 / FEWER:
        return f"{manifest.rows} entities, usually {expected:.0f}"
    return None


def _first(found: Mapping[str, str]) -> Document:
    return Document(dict(list(found.items())[:20]))


def _words(found: Mapping[str, str]) -> str | None:
    """The first of the findings, and how many more there are."""
    if not found:
        return None
    name, text = next(iter(found.items()))
    return f"{name}: {text}" + (f"; and {len(found) - 1} more" if len(found) > 1 else "")
