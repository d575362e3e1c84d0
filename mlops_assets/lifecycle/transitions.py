"""A transition in the ledger as a person is shown it, with what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.lifecycle.records import kept_version
from mlops_assets.lifecycle.results import Document, Link, RunLink

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event
    from mlops_assets.lifecycle.workspace import Workspace

DeploymentAsset = Literal["challenger", "champion"]
STATE_OF: dict[str, DeploymentAsset] = {"rollout_started": "challenger", "promoted": "champion", "rolled_back": "champion"}
"""Which deployment state an event of a kind materializes."""


def describe_transition(workspace: Workspace, name: str, event: Event) -> dict[str, Any]:
    """Version, digests, verdict, approvals with what each was given to, what it replaced, and where to look."""
    from mlops_assets.ledger.story import tell
    from mlops_assets.registry.links import version_url

    state = workspace.ledger.state(name)
    version = state.versions[int(event.body.get("restored") or event.version or 0)]
    approvals = [
        {"by": one.by, "at": one.at, "event": one.sequence, "verdict": one.verdict, "bundle": one.digests["bundle"], "comment": one.comment}
        for one in version.accepted
    ]
    kept = kept_version(workspace, name, version.number) or {}
    links = {
        "MLflow version": version_url(workspace.settings.mlflow_ui, name, version.number),
        "MLflow training run": kept.get("mlflow_url"),
        "model card": kept.get("card"),
    }
    shown: dict[str, Any] = {
        "version": version.number,
        "state": version.state,
        "as_of": version.as_of or "undated",
        "environment": event.environment or "",
        "event": event.sequence,
        "event_hash": event.hash,
        "what": " ".join(tell(event).split()),
        "actor": event.actor,
        "verdict": version.verdict,
        "verdict_status": state.verdicts[version.verdict].status,
        "approved_by": ", ".join(one.by for one in version.accepted)
        or ("nobody yet" if event.kind == "registered" else "nobody was asked"),
        "approvals": Document(approvals),
        "replaced": _text(event.body.get("replaces") if event.kind != "rolled_back" else event.version),
        **{title: Link(url) for title, url in links.items() if url},
    }
    shown.update({f"digest_{part}": digest for part, digest in version.digests.items() if digest})
    if event.body.get("run"):
        shown["dagster_run"] = RunLink(event.body["run"])
    if event.body.get("reason"):
        shown["reason"] = event.body["reason"]
    waivers = [waiver for waiver in state.waivers if waiver.verdict == version.verdict]
    if waivers:
        shown["waivers"] = "; ".join(f"{', '.join(w.gates)} by {w.by}: {w.reason}" for w in waivers)
    return shown


def _text(version: int | None) -> str:
    return "nothing" if version is None else f"version {version}"
