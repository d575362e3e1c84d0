"""Register a judged bundle, and refuse without a passing verdict on exactly this bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.bundles import bundle_of, digests_of
from mlops_assets.lifecycle.card import card_of
from mlops_assets.lifecycle.making.attempt import Attempt, recorded
from mlops_assets.lifecycle.pointers import point
from mlops_assets.lifecycle.records import keep_version
from mlops_assets.lifecycle.results import Stored
from mlops_assets.lifecycle.transitions import describe_transition
from mlops_assets.lifecycle.verdicts import bound_verdict, refuse_without_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.verdict import Verdict


def register_candidate(workspace: Workspace, name: str, key: str | None, attempt: Attempt) -> Stored:
    """Register the bundle of ``name`` at ``key``, with its card.

    Raises:
        CandidateRefused: where its verdict does not allow it.
    """
    trained, judged, verdict = bound_verdict(workspace, name, key)
    refuse_without_evidence(workspace, name, key, verdict)
    with recorded(workspace, attempt, name, "candidate", key) as run:
        version, url = register(workspace, name, key, trained, verdict, attempt.run_id)
        run.log_params({"version": version, "bundle": trained["bundle"], "verdict": verdict.id})
        links = {"MLflow version": url, "MLflow training run": trained["mlflow_url"], "MLflow candidate run": run.url}
        with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
            card_of(workspace, name, key, trained, verdict, version, links).write(Path(folder))
            run.log_folder(Path(folder), "card")
        card = run.artifact_url("card/model_card.html")
    keep_version(workspace, name, version, key, trained, judged, card)
    body = {"version": version, "bundle": trained["bundle"], "verdict": judged["verdict"], "dagster_run_id": attempt.run_id}
    point(workspace, name, "candidate", key, body)
    environment = workspace.settings.environment
    event = next(iter(workspace.ledger.events(name, environment=environment, version=version, kinds=["registered"])))
    return Stored(key, trained["bundle"], describe_transition(workspace, name, event))


def register(
    workspace: Workspace, name: str, key: str | None, trained: Mapping[str, Any], verdict: Verdict, dagster_run_id: str
) -> tuple[int, str]:
    """Register the bundle in MLflow and in the ledger; returns version and the URL of its page. Registering twice changes nothing."""
    from mlops_assets.ledger.actions import register as register_in_ledger

    digests = digests_of(trained)
    version = workspace.registry.register(
        name,
        trained["bundle"],
        folder=bundle_of(workspace, trained).folder,
        tags={
            **{f"digest.{part}": digest for part, digest in digests.items()},
            "environment": workspace.settings.environment,
            "dagster.run_id": dagster_run_id,
            "dagster.asset": f"{name}/candidate",
            "dagster.partition": key,
        },
        description=workspace.catalogue.models[name].description,
        verdict={"id": verdict.id, "status": verdict.status},
    )
    register_in_ledger(
        workspace.ledger,
        name,
        version.version,
        workspace.actor,
        digests=digests,
        verdict=verdict.id,
        sample=workspace.settings.sample,
        as_of=key,
        mlflow_run=trained["mlflow_run_id"],
        run=dagster_run_id,
    )
    return version.version, version.url
