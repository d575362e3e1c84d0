"""A new candidate goes on by itself where nobody needs to approve it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.ranges import run_request
from mlops_assets.components.tick import Tick
from mlops_assets.lifecycle.decisions import approvals_needed, goes_at_once

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace


def tick(workspace: Workspace, model: str, instance: dg.DagsterInstance) -> Tick:
    """Promote the newest candidate, or start its rollout beside a champion; each version is asked for once."""
    del instance
    state, rollout = workspace.ledger.state(model), workspace.catalogue.models[model].rollout
    newer = [version for number, version in sorted(state.versions.items()) if number > (state.champion or 0)]
    waiting = [version for version in newer if version.state in ("candidate", "approved")]
    if not waiting:
        serving = f"version {state.champion} serves" if state.champion is not None else "no version serves"
        return Tick(said=(f"no new candidate; {serving}",))
    version, needed = waiting[-1], approvals_needed(workspace, model)
    if needed:
        return Tick(said=(f"version {version.number} waits for people: {needed} approvals are asked for in {state.environment}",))
    direct = goes_at_once(rollout, state.champion)
    asset = f"{model}/{'champion' if direct else 'challenger'}"
    how = "becomes champion" if direct else f"begins its {rollout.strategy} rollout beside version {state.champion}"
    request = run_request([asset], None, None, run_key=f"{state.environment}/{asset}/{version.number}/{version.verdict[:16]}")
    return Tick((request,), (f"version {version.number} passed its gates and {how}",))
