"""Materialize a candidate: register the judged bundle, and refuse without a passing verdict on exactly this bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.components.card import card_of
from mlops_assets.components.decisions import CandidateRefused, refuse_without_evidence, register
from mlops_assets.components.emit import Emitted, Stored, emit, partition_keys
from mlops_assets.components.lifecycle import VERDICTS, digests_of, outdated
from mlops_assets.components.pointers import point, pointed, require
from mlops_assets.components.records import keep_version
from mlops_assets.components.transitions import transition_metadata

if TYPE_CHECKING:
    from mlops_assets.components.workspace import Workspace


def materialize_candidate(context: dg.AssetExecutionContext, workspace: Workspace, name: str) -> Iterator[Emitted]:
    """Register the bundle of each partition of this run whose verdict allows it."""
    stored = [_register(context, workspace, name, key) for key in partition_keys(context)]
    yield from emit(context, dg.AssetKey([name, "candidate"]), stored, ())


def _register(context: dg.AssetExecutionContext, workspace: Workspace, name: str, key: str | None) -> Stored:
    from mlops_assets.modeling.verdict import Verdict

    environment = workspace.settings.environment
    judged = pointed(workspace, name, "evaluation", key)
    if judged is None:
        raise CandidateRefused(
            f"{name}{f' at {key}' if key else ''} has no verdict in environment {environment}.", do=f"Materialize {name}/evaluation first."
        )
    trained = require(workspace, name, "model", key)
    verdict = Verdict.from_json(workspace.store.get_record(VERDICTS, judged["verdict"]))
    differs = [*verdict.binds(digests_of(trained), environment), *outdated(workspace, name, key, trained)]
    if differs:
        raise CandidateRefused(
            f"the verdict of {name}{f' at {key}' if key else ''} does not hold any more; what changed since: {', '.join(differs)}.",
            do=f"Materialize {name}/training_set, {name}/model and {name}/evaluation again, so that what is judged is what is registered.",
        )
    refuse_without_evidence(workspace, name, key, verdict)
    with workspace.registry.step_run(context.run.run_id, f"{name}/candidate", key, context.retry_number, model=name) as run:
        version, url = register(workspace, name, key, trained, verdict, context.run.run_id)
        run.log_params({"version": version, "bundle": trained["bundle"], "verdict": verdict.id})
        links = {"MLflow version": url, "MLflow training run": trained["mlflow_url"], "MLflow candidate run": run.url}
        with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
            card_of(workspace, name, key, trained, verdict, version, links).write(Path(folder))
            run.log_folder(Path(folder), "card")
        card = run.artifact_url("card/model_card.html")
    keep_version(workspace, name, version, key, trained, judged, card)
    body = {"version": version, "bundle": trained["bundle"], "verdict": judged["verdict"], "dagster_run_id": context.run.run_id}
    point(workspace, name, "candidate", key, body)
    event = next(iter(workspace.ledger.events(name, environment=environment, version=version, kinds=["registered"])))
    return Stored(key, trained["bundle"], transition_metadata(workspace, name, event))
