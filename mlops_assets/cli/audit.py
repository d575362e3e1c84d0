"""`mlops audit`: the log as a story, its verification, and the dossier of a version."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_assets.cli.acting import EnvironmentOption, NameArgument, answering, known, open_for
from mlops_assets.cli.common import JsonOption, ProjectOption, parse_moment, print_json
from mlops_assets.errors import MlopsError, nearest

if TYPE_CHECKING:
    from mlops_assets.ledger import Ledger


def register(app: typer.Typer) -> None:
    """Add `mlops audit`."""
    audit = typer.Typer(help="What happened, and the proof that nothing was altered.", no_args_is_help=True)
    audit.command("log")(log)
    audit.command("verify")(verify)
    audit.command("dossier")(dossier)
    app.add_typer(audit, name="audit")


def log(
    name: Annotated[str | None, typer.Argument(help="Name of a model. Default: everything.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind of event; may be repeated.")] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this actor did.")] = None,
    version: Annotated[int | None, typer.Option("--version", min=1, help="Only this version.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this date or time on, UTC.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this date or time, UTC.")] = None,
    environment: Annotated[
        str | None, typer.Option("--environment", help="Only dev, test or prod, from that environment's ledger.")
    ] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Tell what happened to a model, in order."""
    from mlops_assets.ledger.kinds import KINDS
    from mlops_assets.ledger.story import tell
    from mlops_assets.ledger.words import ENVIRONMENTS

    with answering(json):
        for wanted in kind or ():
            if wanted not in KINDS:
                guess = nearest(wanted, KINDS)
                raise MlopsError(
                    f"--kind: there is no kind {wanted!r}.", valid=sorted(KINDS), do=f"Did you mean {guess!r}?" if guess else None
                )
        if environment is not None and environment not in ENVIRONMENTS:
            raise MlopsError(f"--environment: {environment!r} is no environment.", valid=ENVIRONMENTS)
        ledger = _existing(project, environment)
        if name is not None and next(iter(ledger.events(name)), None) is None:
            known(open_for(project, environment), name)
        events = list(
            ledger.events(
                name,
                environment=environment,
                version=version,
                kinds=kind or (),
                actor=actor,
                since=_moment(since, "--since"),
                until=_moment(until, "--until"),
            )
        )
    if json:
        print_json({"schema": 1, "model": name, "events": [event.to_json() for event in events]})
        return
    for event in events:
        typer.echo(tell(event))
    if not events:
        typer.echo("No events.", err=True)


def verify(
    checkpoints: Annotated[Path | None, typer.Option("--checkpoints", help="Folder of signed checkpoints. Default: the setting.")] = None,
    public_key: Annotated[Path | None, typer.Option("--public-key", help="A copy of public.pem that was kept elsewhere.")] = None,
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Recompute the whole log and name the first event that was altered, removed, reordered, cut off or written anew.

    Exit code 0: everything is as it was; 1: it is not, or no checkpoint proves that the tail is there; 2: it cannot be read.
    """
    from mlops_assets.ledger.verify import verify as run

    with answering(json):
        for option, path in (("--checkpoints", checkpoints), ("--public-key", public_key)):
            if path is not None and not path.exists():
                raise MlopsError("there is no such file or folder.", where=f"{option} {path}", do="Name the place where the copy was kept.")
        ledger = _existing(project, environment)
        found = run(ledger, checkpoints, public_key)
    if json:
        print_json({"schema": 1, "ledger": ledger.where, **found.to_json()})
    else:
        for problem in found.problems:
            typer.echo(f"{problem.kind}: {problem.detail}")
        typer.echo(_summary(found.status, found.events, found.proven, found.checkpoints))
    if found.status != "pass":
        raise typer.Exit(1)


def dossier(
    name: NameArgument,
    version: Annotated[int, typer.Argument(min=1, help="Version.")],
    environment: EnvironmentOption = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Everything that an auditor asks of a version, from records: purpose, data, digests, metrics, verdict, decisions, every change.

    Exit code 1 where the ledger that it comes from is not as it was.
    """
    from mlops_assets.cli.dossier import as_text
    from mlops_assets.lifecycle.dossier import dossier_of

    with answering(json):
        workspace = open_for(project, environment)
        known(workspace, name, version)
        document = dossier_of(workspace, name, version)
    if json:
        print_json(document)
    else:
        typer.echo(as_text(document))
    if document["ledger"]["status"] == "fail":
        raise typer.Exit(1)


def _summary(status: str, events: int, proven: int, checkpoints: int) -> str:
    if status == "pass":
        return f"pass: {events} events, one chain; {checkpoints} signed checkpoints vouch for the first {proven}."
    if status == "inconclusive":
        return (
            f"inconclusive: {events} events, one chain, but no signed checkpoint shows whether its tail was cut or all of it written anew."
        )
    return f"fail: {events} events are there; {checkpoints} signed checkpoints were read."


def _existing(project: Path | None, environment: str | None) -> Ledger:
    """The ledger, which reading must not create."""
    from mlops_assets.ledger import open_ledger

    settings = open_for(project, environment).settings
    return open_ledger(
        settings.ledger_url,
        environment=settings.environment,
        checkpoints=settings.checkpoints,
        key=settings.checkpoint_key,
        create=False,
    )


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    moment = parse_moment(text, option)
    if isinstance(moment, datetime):
        return moment
    assert isinstance(moment, date)
    return datetime.combine(moment, time(), UTC)
