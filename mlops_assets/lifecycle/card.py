"""The model card of a version, from its records."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.bundles import EVALUATIONS, FIGURES, bundle_of
from mlops_assets.lifecycle.pointers import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.governance.card import Card
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.verdict import Verdict


def card_of(
    workspace: Workspace, name: str, key: str | None, trained: Mapping[str, Any], verdict: Verdict, version: int, links: Mapping[str, str]
) -> Card:
    """The card of ``version`` as it stands now: definition, training set, evaluation, verdict, decisions."""
    from mlops_assets.governance.card import build_card
    from mlops_assets.governance.card_records import CardRecords

    store = workspace.store
    judged = require(workspace, name, "evaluation", key)
    evaluation = store.get_record(EVALUATIONS, judged["evaluation"])
    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        drawn = store.get_tree(FIGURES, judged["figures"], Path(folder) / FIGURES)
        figures = {file.stem: file.read_bytes() for file in sorted(drawn.iterdir())}
    state, bundle = workspace.ledger.state(name), bundle_of(workspace, trained)
    records = CardRecords(
        spec=workspace.catalogue.models[name].model_dump(mode="json", by_alias=True),
        facts=store.manifest(f"{name}/training_set", key, trained["training_set"]).facts,
        evaluation=evaluation,
        verdict=verdict.to_json(),
        provenance={**bundle.provenance.to_json(), "bundle": trained["bundle"], "trees": trained["trees"]},
        decisions=_decisions(workspace, name, version),
        calibrated=str(bundle.calibration) if bundle.calibration else None,
        version=version,
        state=state.versions[version].state,
        links=links,
        figures=figures,
    )
    return build_card(records)


def _decisions(workspace: Workspace, name: str, version: int) -> list[dict[str, Any]]:
    state = workspace.ledger.state(name)
    decisions = []
    for event in workspace.ledger.events(name, environment=workspace.settings.environment, kinds=["approved", "rejected", "waived"]):
        concerns = event.version == version or event.body.get("verdict") == state.versions[version].verdict
        if concerns:
            said = {part: event.body[part] for part in ("comment", "reason", "gates") if part in event.body}
            decisions.append({"kind": event.kind, "by": event.actor, "at": event.time, **said})
    return decisions
