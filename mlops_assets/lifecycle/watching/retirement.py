"""Whether anybody still asks a model. A proposal to retire it is an incident for a person; nothing is taken out of service."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.ledger.events import read_time
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def propose_retirement(workspace: Workspace, name: str) -> str:
    """Open an incident once the champion has made no prediction for `retire_after`; close it when it makes some again."""
    model, state = workspace.catalogue.models[name], workspace.ledger.state(name)
    if state.champion is None or model.retire_after is None:
        return "no version serves"
    last = max(filter(None, [last_traffic(workspace, name), read_time(state.intervals[-1].since)]))
    due, incident = model.retire_after.after(last), f"retire-{name}-{state.champion}"
    if workspace.now() < due:
        if incident in state.incidents:
            body = {"incident": incident, "resolution": f"predictions were made again, the last at {last.isoformat(timespec='minutes')}"}
            workspace.ledger.append("incident_closed", name, workspace.actor.name, body, expect=state.sequence)
        return f"last asked at {last:%Y-%m-%d %H:%M} UTC; retirement is proposed after {due:%Y-%m-%d %H:%M}"
    said = f"no prediction since {last:%Y-%m-%d %H:%M} UTC, longer than {model.retire_after}: `mlops retire {name}` takes it out of service"
    if incident not in state.incidents:
        body = {"incident": incident, "severity": "info", "summary": said}
        workspace.ledger.append("incident_opened", name, workspace.actor.name, body, expect=state.sequence)
    return said


def last_traffic(workspace: Workspace, name: str) -> datetime | None:
    """End of the newest partition that holds predictions; None where there is none, or the model is undated."""
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    asset = f"{name}/predictions"
    keys = [key for key in workspace.store.partitions(asset) if key is not None and calendar is not None and calendar.contains(key)]
    assert calendar is not None or not keys
    for key in sorted(keys, key=lambda k: calendar.start_of(k) if calendar else workspace.now(), reverse=True):
        manifest = workspace.store.current(asset, key)
        if manifest is not None and manifest.rows and calendar is not None:
            return calendar.end_of(key)
    return None
