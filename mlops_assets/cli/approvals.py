"""`mlops approve`, `mlops reject`, `mlops waive`: what people decide, bound to the digests that they looked at."""

from __future__ import annotations

from typing import Annotated

import typer

from mlops_assets.cli.acting import (
    EnvironmentOption,
    KeyOption,
    NameArgument,
    VersionArgument,
    answering,
    identify,
    known,
    open_for,
)
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.errors import MlopsError, nearest
from mlops_assets.lifecycle.decisions import approvals_needed


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approve")(approve)
    app.command("reject")(reject)
    app.command("waive")(waive)


def approve(
    name: NameArgument,
    version: VersionArgument = None,
    comment: Annotated[str | None, typer.Option("--comment", help="Why; stands in the ledger. No personal data.")] = None,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Approve a version for promotion: exactly its bundle, data, definition and verdict as they are now."""
    from mlops_assets.ledger import actions
    from mlops_assets.ledger.approvals import standing

    with answering(json):
        workspace = open_for(project, environment)
        known(workspace, name, version)
        workspace.demand(name)
        ledger = workspace.ledger
        event = actions.approve(ledger, name, version, identify(workspace, key), comment=comment)
        target = ledger.state(name).versions[event.version or 0]
        stand = standing(target, target.request.needed if target.request else 0, ledger.now())
    if json:
        given = [approval.by for approval in stand.approvals]
        document = {"model": name, "version": event.version, "environment": event.environment, "by": event.actor}
        counted = {"approvals": given, "needed": stand.needed, "state": target.state, "event": event.sequence}
        print_json({"schema": 1, "ok": True, **document, **counted, "digests": dict(target.digests), "verdict": target.verdict})
        return
    typer.echo(f"{event.actor} approved {name} {event.version} in {event.environment}: {stand}.")
    if stand.enough:
        typer.echo(f"`mlops promote {name} {event.version}` makes it champion.")


def reject(
    name: NameArgument,
    version: VersionArgument = None,
    reason: Annotated[str, typer.Option("--reason", "--comment", help="Why; stands in the ledger. No personal data.")] = "",
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Refuse a version for good."""
    from mlops_assets.ledger import actions

    with answering(json):
        workspace = open_for(project, environment)
        known(workspace, name, version)
        needed = approvals_needed(workspace, name)
        event = actions.reject(workspace.ledger, name, version, identify(workspace, key), reason=reason or "no reason given", needed=needed)
    if json:
        print_json({"schema": 1, "ok": True, "model": name, "version": event.version, "state": "rejected", "event": event.sequence})
        return
    typer.echo(f"{event.actor} rejected {name} {event.version} in {event.environment}.")


def waive(
    name: NameArgument,
    gate: Annotated[list[str], typer.Option("--gate", help="A gate that did not pass; may be repeated.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; shown wherever the model is shown. No personal data.")],
    verdict: Annotated[str | None, typer.Option("--verdict", help="Id of the verdict or its beginning. Default: the newest.")] = None,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Let gates pass that did not, in your name and with a reason."""
    from mlops_assets.cli.standing import what_next
    from mlops_assets.ledger import actions

    with answering(json):
        workspace = open_for(project, environment)
        state = known(workspace, name)
        if verdict is not None:
            found = [one for one in state.verdicts if one.startswith(verdict)]
            if len(found) != 1:
                raise MlopsError(
                    f"{verdict!r} is the beginning of {len(found)} verdicts on {name}.", valid=[one[:12] for one in state.verdicts]
                )
            verdict = found[0]
        if (judged := state.verdicts.get(verdict or state.last_verdict or "")) is not None:
            _known_gates(gate, [str(one["name"]) for one in judged.gates])
        needed = approvals_needed(workspace, name)
        who = identify(workspace, key)
        event = actions.waive(workspace.ledger, name, who, gates=gate, reason=reason, verdict=verdict, needed=needed)
        following = what_next(workspace, workspace.ledger.state(name), needed)
    if json:
        print_json({"schema": 1, "ok": True, "model": name, "verdict": event.body["verdict"], "gates": gate, "event": event.sequence})
        return
    typer.echo(f"{event.actor} waived {', '.join(gate)} of verdict {event.body['verdict'][:12]} on {name} in {event.environment}: {reason}")
    typer.echo(f"next: {following}")


def _known_gates(gates: list[str], judged: list[str]) -> None:
    for gate in gates:
        if gate not in judged:
            guess = nearest(gate, judged)
            raise MlopsError(f"--gate: there is no gate {gate!r}.", valid=judged, do=f"Did you mean {guess!r}?" if guess else None)
