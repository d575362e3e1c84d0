"""`mlops principals`: who may do what, by API keys that are shown once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import typer

from mlops_assets.cli.acting import EnvironmentOption, KeyOption, answering, identify, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, parse_moment, print_json


def register(app: typer.Typer) -> None:
    """Add `mlops principals`."""
    principals = typer.Typer(help="Principals, their roles and their API keys.", no_args_is_help=True)
    principals.command("add")(add)
    principals.command("list")(show)
    principals.command("revoke")(revoke)
    app.add_typer(principals, name="principals")


def add(
    name: Annotated[str, typer.Argument(help="Name of the principal; stands in the ledger for good.")],
    role: Annotated[list[str], typer.Option("--role", help="viewer, caller, operator, approver or admin; may be repeated.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help="ENVIRONMENT/MODEL, * for any; may be repeated. Default: */*.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="A date, or a length of time as in 90d. Default: never.")] = None,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Make an API key for a principal. It is shown once, and only its SHA-256 is kept."""
    from mlops_assets.governance.principals import add_key

    with answering(json):
        workspace = open_for(project, environment)
        ledger = workspace.ledger
        until = _expiry(expires, ledger.now()) if expires else None
        made, kept = add_key(ledger, identify(workspace, key), name, role, scopes=scope or ("*/*",), expires=until)
    if json:
        print_json({"schema": 1, "principal": name, "key": made, "prefix": kept.prefix, "roles": list(kept.roles), "expires": kept.expires})
        return
    typer.echo(f"{name}: {', '.join(kept.roles)} for {', '.join(kept.scopes)}{f', until {kept.expires}' if kept.expires else ''}")
    typer.echo(made)
    typer.echo("This is the only time that the key is shown. Give it as --key or MLOPS_KEY.", err=True)


def show(
    everything: Annotated[bool, typer.Option("--all", help="Revoked and expired keys as well.")] = False,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """List principals and their keys' prefixes."""
    from mlops_assets.governance.principals import valid_keys
    from mlops_assets.ledger.actors import not_valid

    with answering(json):
        ledger = open_for(project, environment).ledger
        keys, now = ledger.fold().keys, ledger.now()
        shown = sorted(keys.values(), key=lambda one: (one.principal, one.created)) if everything else valid_keys(keys, now)
    if json:
        rows: list[dict[str, Any]] = [
            {
                "principal": one.principal,
                "prefix": one.prefix,
                "roles": list(one.roles),
                "scopes": list(one.scopes),
                "created": one.created,
                "created_by": one.created_by,
                "expires": one.expires,
                "revoked": one.revoked,
                "valid": not_valid(one, now) is None,
            }
            for one in shown
        ]
        print_json({"schema": 1, "keys": rows})
        return
    for one in shown:
        why = not_valid(one, now)
        until = f", until {one.expires}" if one.expires else ""
        typer.echo(f"{one.principal:<20} {one.prefix}  {', '.join(one.roles)} for {', '.join(one.scopes)}{f', {why}' if why else until}")
    if not shown:
        typer.echo("No keys. `mlops principals add NAME --role admin` makes the first one.", err=True)


def revoke(
    name: Annotated[str, typer.Argument(help="A principal (all of its keys) or the prefix of one key.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why; stands in the ledger.")] = None,
    key: KeyOption = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Revoke keys at once."""
    from mlops_assets.governance.principals import revoke_key

    with answering(json):
        workspace = open_for(project, environment)
        revoked = revoke_key(workspace.ledger, identify(workspace, key), name, reason)
    if json:
        print_json({"schema": 1, "ok": True, "revoked": [one.prefix for one in revoked]})
        return
    for one in revoked:
        typer.echo(f"revoked {one.prefix} of {one.principal}")


def _expiry(text: str, now: datetime) -> datetime:
    from mlops_assets.spec.durations import Duration

    try:
        return now + Duration.parse(text).timedelta
    except ValueError:
        moment = parse_moment(text, "--expires")
        return moment if isinstance(moment, datetime) else datetime.combine(_day(moment), time(), UTC)


def _day(moment: date) -> date:
    return moment
