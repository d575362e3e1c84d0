"""The stream of a version's errors over partitions of outcomes; each partition keeps its own part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.champions import reference_of
from mlops_assets.lifecycle.watching.tables import current
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.concept import ConceptDrift

PAST = 100
"""How many partitions of outcomes a stream goes back at most."""


def errors_by_version(workspace: Workspace, name: str, outcomes: pa.Table) -> dict[str, Any]:
    """What each version gives to its stream of errors, by its number; nothing for versions that the ledger does not know."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.monitoring.columns import SCORE, VERSION
    from mlops_assets.monitoring.concept import error_part

    if VERSION not in outcomes.column_names or SCORE not in outcomes.column_names:
        return {}
    known, found = workspace.ledger.state(name).versions, {}
    for number in sorted(pc.unique(outcomes.column(VERSION).drop_null()).to_pylist()):
        if number not in known:
            continue
        rows = outcomes.filter(pc.equal(outcomes.column(VERSION), pa.scalar(number, pa.int64())))
        part = error_part(reference_of(workspace, name, known[number]), rows)
        if part.rows:
            found[str(number)] = part.to_json()
    return found


def watch_version(workspace: Workspace, name: str, version: int, key: str | None) -> tuple[ConceptDrift, bool]:
    """Concept drift of ``version`` up to the partition whose labels matured at ``key``, and whether that partition gave something."""
    from mlops_assets.monitoring.concept import ErrorPart, watch_errors

    model = workspace.catalogue.models[name]
    windows = model_windows(model, workspace.catalogue)
    keys: list[str | None] = [None]
    if windows.calendar is not None and key is not None:
        newest = windows.calendar.shift(key, -windows.horizon)
        keys = list(windows.calendar.between(windows.calendar.shift(newest, 1 - PAST), newest))
    manifests = current(workspace, f"{name}/outcomes", keys)
    bodies = {m.partition: m.facts.get("errors", {}).get(str(version)) for m in manifests}
    parts = {at: ErrorPart.from_json(body) for at, body in bodies.items() if body is not None}
    return watch_errors(parts, model.monitor.concept), keys[-1] in parts
