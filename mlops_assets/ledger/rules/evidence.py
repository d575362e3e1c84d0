"""Evidence: whether the verdict on a version lets it go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.ledger.events import minute
from mlops_assets.ledger.rules.refusal import Refusal
from mlops_assets.ledger.state import DeploymentState, Verdict, Version


def evidence(deployment: DeploymentState, version: Version, digests: Mapping[str, Any] | None = None) -> Refusal | None:
    """Why the verdict does not let ``version`` go on: missing, not passed, or bound to other digests than it has or ``digests`` says."""
    name = f"{deployment.model} {version.number}"
    if version.pruned is not None:
        return Refusal(f"the bundle of {name} was pruned at {minute(version.pruned)}.", "Train and register another version.")
    verdict = deployment.verdicts.get(version.verdict)
    if verdict is None:
        return Refusal(f"{name} has no verdict in {deployment.environment}.", "Materialize its evaluation, which judges it.")
    if (differing := differences(verdict.digests, version.digests)) or digests is not None:
        differing = differing or differences(verdict.digests, digests or {})
        if differing:
            return Refusal(
                f"the newest verdict {verdict.id[:12]} on {name} is stale: it is bound to another {' and '.join(differing)}.",
                "Materialize its evaluation again, so that the verdict is about what would serve.",
            )
    return not_allowed(deployment, verdict, name)


def not_allowed(deployment: DeploymentState, verdict: Verdict, name: str) -> Refusal | None:
    """Why ``verdict`` does not let the version called ``name`` go on: a gate neither passed nor is waived."""
    if deployment.allows(verdict):
        return None
    left = open_gates(deployment, verdict)
    gates = ", ".join(f"{gate['name']} {gate['status']}" for gate in verdict.gates if gate["name"] in left)
    return Refusal(
        f"the verdict {verdict.id[:12]} on {name} is {verdict.status}{f' ({gates})' if gates else ''}.",
        f"Train a version that passes, or let a named person waive them: `mlops waive {deployment.model} --gate NAME --reason TEXT`.",
    )


def open_gates(deployment: DeploymentState, verdict: Verdict) -> list[str]:
    """Gates of the verdict that neither passed nor are waived."""
    waived = deployment.waived(verdict.id)
    return [name for name in verdict.not_passed if name not in waived]


def differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Names of the digests that differ."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
