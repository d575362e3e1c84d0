"""Where a model's life meets the ledger: the champion that a candidate is compared with, verdicts, registrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.components.lifecycle import bundle_of, digests_of, outdated
from mlops_assets.components.pointers import pointed
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_assets.components.workspace import Workspace
    from mlops_assets.ledger.state import DeploymentState, Version
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.verdict import Verdict


class CandidateRefused(MlopsError):
    """A bundle that may not be registered, with the reason and what would make it possible."""

    exit_code = 1


def approvals_needed(workspace: Workspace, name: str) -> int:
    """How many distinct people must approve ``name``: what its definition says, else the environment's setting."""
    model = workspace.catalogue.models.get(name)
    declared = model.approvals.get(workspace.settings.environment) if model is not None else None
    return workspace.settings.approvals if declared is None else declared


def champion_bundle(workspace: Workspace, name: str, key: str | None) -> Bundle | None:
    """The champion that a model as of ``key`` is judged against: one that did not learn from what came after ``key``.

    That is the present champion, or for an older ``key`` the latest former one that is not younger; None if there is none.
    """
    version = champion_of_its_time(workspace.ledger.state(name), key)
    if version is None:
        return None
    return bundle_by_digest(workspace, str(version.digests["bundle"]))


def bundle_by_digest(workspace: Workspace, digest: str) -> Bundle:
    """A stored bundle by its own digest, every byte checked."""
    found = workspace.store.get_pointer(f"bundles/{digest}")
    if found is None:
        raise MlopsError(f"the store holds no bundle {digest[:12]}.", where=workspace.settings.store_url)
    if at := found.get("pruned"):
        raise MlopsError(f"the bundle {digest[:12]} was pruned at {at[:16]}Z.", do="Train another version; its dossier is still there.")
    return bundle_of(workspace, {"tree": found["tree"], "bundle": digest})


def record(workspace: Workspace, name: str, verdict: Verdict, dagster_run_id: str) -> None:
    """Append the verdict to the ledger."""
    from mlops_assets.ledger.actions import record_verdict

    body = verdict.to_json()
    record_verdict(
        workspace.ledger,
        name,
        workspace.actor,
        id=verdict.id,
        status=verdict.status,
        digests=verdict.digests,
        gates=body["gates"],
        sample=workspace.settings.sample,
        as_of=verdict.as_of,
        run=dagster_run_id,
    )


def refuse_without_evidence(workspace: Workspace, name: str, key: str | None, verdict: Verdict) -> None:
    """Refuse a verdict that neither passed nor is waived, and a model that is older than the champion.

    Raises:
        CandidateRefused: naming the gates that did not pass, or the champion that is newer.
    """
    from mlops_assets.ledger.rules.evidence import open_gates

    state = workspace.ledger.state(name)
    recorded = state.verdicts.get(verdict.id)
    if recorded is None:
        raise CandidateRefused(
            f"the verdict of {name}{f' at {key}' if key else ''} is not in the ledger.", do=f"Materialize {name}/evaluation again."
        )
    if not state.allows(recorded):
        left = set(open_gates(state, recorded))
        shown = [f"{gate.name} {gate.status} ({gate.detail or gate.required})" for gate in verdict.gates if gate.name in left]
        raise CandidateRefused(
            f"the verdict of {name}{f' at {key}' if key else ''} is {verdict.status}: {'; '.join(shown)}.",
            do="Mend the data or the definition and train again; a named person may waive a gate with a reason.",
        )
    champion = state.versions.get(state.champion) if state.champion is not None else None
    if champion is not None and key is not None and champion.as_of is not None and key < champion.as_of:
        raise CandidateRefused(
            f"{name} as of {key} is older than the champion, version {champion.number} as of {champion.as_of}.",
            do="A backtest registers nothing; train on a newer partition.",
        )


def waived_and_waiting(workspace: Workspace, name: str, key: str | None) -> bool:
    """Whether the model at ``key`` was judged, did not pass, and was let through by name since, but is not registered yet."""
    judged, trained = pointed(workspace, name, "evaluation", key), pointed(workspace, name, "model", key)
    if judged is None or trained is None or judged["bundle"] != trained["bundle"] or outdated(workspace, name, key, trained):
        return False
    state = workspace.ledger.state(name)
    verdict = state.verdicts.get(state.newest_verdict.get(str(trained["bundle"]), ""))
    registered = state.version_of(str(trained["bundle"])) is not None
    return verdict is not None and verdict.status != "pass" and state.allows(verdict) and not registered


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


def champion_of_its_time(state: DeploymentState, key: str | None) -> Version | None:
    """The present champion, or the latest former one, that is not younger than ``key``."""
    reigned = [state.versions[interval.version] for interval in reversed(state.intervals)]
    if state.champion is not None:
        reigned.insert(0, state.versions[state.champion])
    return next((v for v in reigned if v.pruned is None and (key is None or v.as_of is None or v.as_of <= key)), None)
