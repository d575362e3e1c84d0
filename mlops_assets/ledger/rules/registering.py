"""A bundle becomes a version, trained here or moved from another environment."""

from __future__ import annotations

from datetime import datetime

from mlops_assets.ledger.events import Draft, minute
from mlops_assets.ledger.rules.evidence import differences, not_allowed
from mlops_assets.ledger.rules.refusal import Readable, Refusal
from mlops_assets.ledger.state import DeploymentState
from mlops_assets.ledger.words import ENVIRONMENTS


def registered(state: Readable, deployment: DeploymentState, draft: Draft, now: datetime) -> Refusal | None:
    """A version is a new bundle with its newest verdict, which lets it go on, and no older than the champion."""
    body, name = draft.body, f"{draft.model} {draft.version}"
    bundle = str(body["digests"]["bundle"])
    if (known := deployment.versions.get(draft.version or 0)) is not None:
        return Refusal(
            f"{name} is registered since {minute(known.registered_at)} in {draft.environment}.",
            "Register another bundle under a new number.",
        )
    if (same := deployment.version_of(bundle)) is not None:
        return Refusal(f"the bundle {bundle[:12]} is registered as version {same.number}.", f"Use version {same.number}.")
    if body["sample"] < 1 and draft.environment != "dev":
        return Refusal(
            f"{name} learned from a sample of {body['sample']:.0%} of the data, and such a bundle never leaves dev.",
            f"Train it in {draft.environment} on the full history.",
        )
    newest = deployment.newest_verdict.get(bundle)
    if newest is None:
        return Refusal(f"{name} has no verdict in {draft.environment}.", "Materialize its evaluation, which judges it.")
    if body["verdict"] != newest:
        return Refusal(
            f"{name} names the verdict {body['verdict'][:12]}, but the newest one on this bundle is {newest[:12]}.",
            "Register it with the newest verdict.",
        )
    verdict = deployment.verdicts[newest]
    if differing := differences(verdict.digests, body["digests"]):
        return Refusal(
            f"the verdict {newest[:12]} is bound to another {' and '.join(differing)} than {name} has.", "Materialize its evaluation again."
        )
    if (refusal := not_allowed(deployment, verdict, name)) is not None:
        return refusal
    champion = deployment.versions.get(deployment.champion or 0)
    if champion is not None and champion.as_of and body.get("as_of") and body["as_of"] < champion.as_of:
        return Refusal(
            f"{name} is as of {body['as_of']}, older than the champion {champion.number} as of {champion.as_of}.",
            "Register a version that is as new as the champion.",
        )
    return _moved(state, deployment, draft)


def _moved(state: Readable, deployment: DeploymentState, draft: Draft) -> Refusal | None:
    """A registration that came from another environment names one that may give, and holds the same bundle."""
    source = draft.body.get("source")
    bundle = str(draft.body["digests"]["bundle"])
    judged_in = deployment.verdicts[deployment.newest_verdict[bundle]].environment
    if source is None:
        if judged_in != draft.environment:
            return Refusal(f"its verdict was given in {judged_in}.", f"Promote it from there: `mlops promote NAME --from {judged_in}`.")
        return None
    if ENVIRONMENTS.index(source["environment"]) >= ENVIRONMENTS.index(draft.environment or ""):
        return Refusal(f"a bundle does not move from {source['environment']} to {draft.environment}.", "It moves from dev to test to prod.")
    there = state.of(draft.model or "", source["environment"])
    origin = there.versions.get(source["version"])
    if there.versions and (origin is None or origin.digests["bundle"] != bundle):
        return Refusal(
            f"version {source['version']} in {source['environment']} is another bundle.", "Move a version that is registered there."
        )
    return None
