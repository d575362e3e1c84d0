"""Verdicts: put into the ledger, bound to the bundle that they are about, and asked before a bundle is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import RED, MlopsError
from mlops_assets.lifecycle.bundles import VERDICTS, digests_of, outdated
from mlops_assets.lifecycle.pointers import pointed, require

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.verdict import Verdict


class CandidateRefused(MlopsError):
    """A bundle that may not be registered, with the reason and what would make it possible."""

    exit_code = RED


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


def bound_verdict(workspace: Workspace, name: str, key: str | None) -> tuple[dict[str, Any], dict[str, Any], Verdict]:
    """What training and judging ``name`` at ``key`` left, and the verdict, which is on exactly the bundle, data and definition of now.

    Raises:
        CandidateRefused: without a verdict in this environment, or where something has changed since.
    """
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
    return trained, judged, verdict


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
