"""`mlops store`: what is stored, its history, its soundness, retention and erasure."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_assets.cli.acting import KeyOption
from mlops_assets.cli.common import JsonOption, ProjectOption, print_json
from mlops_assets.errors import MlopsError, nearest

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest, Store

group = typer.Typer(name="store", help="The versioned store: list, history, verify, retention, erasure.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]


def register(app: typer.Typer) -> None:
    """Add the group to the command line."""
    app.add_typer(group)


@group.command("ls")
def list_assets(
    asset: Annotated[str | None, typer.Argument(help="Show the partitions of this asset.")] = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List the stored assets, or the partitions of one."""
    store = _open(project)
    if asset is None:
        rows = []
        for name in store.assets():
            manifests = _current(store, name)
            last = manifests[-1].partition if manifests else None
            rows.append(
                {
                    "asset": name,
                    "partitions": len(manifests),
                    "first": manifests[0].partition if manifests else None,
                    "last": last,
                    "rows": sum(manifest.rows for manifest in manifests),
                    "bytes": sum(manifest.bytes for manifest in manifests),
                }
            )
        _show({"schema": 1, "store": store.url, "assets": rows}, rows, json, "nothing is stored yet")
        return
    _known(store, asset)
    rows = [
        {
            "partition": manifest.partition,
            "version": manifest.digest if json else manifest.digest[:12],
            "rows": manifest.rows,
            "quarantined": manifest.quarantined.rows if manifest.quarantined else 0,
            "bytes": manifest.bytes,
        }
        for manifest in _current(store, asset)
    ]
    _show({"schema": 1, "store": store.url, "asset": asset, "partitions": rows}, rows, json, "no partitions")


@group.command()
def history(
    asset: Annotated[str, typer.Argument(help="For example orders or churn/training_set.")],
    partition: Annotated[str | None, typer.Argument(help="Key of the partition; none for an unpartitioned asset.")] = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Show every version that a partition had, oldest first, and what was different in it from the one before."""
    from mlops_assets.data.ingest.changes import describe

    store = _open(project)
    _known(store, asset)
    current = store.current(asset, partition)
    if current is None:
        keys = store.partitions(asset)
        valid = [f"{keys[0]} … {keys[-1]}"] if keys else ["no partition key"]
        raise MlopsError(f"{asset} has no partition {partition}.", where=store.url, valid=valid)
    rows = []
    for version in store.versions(asset, partition):
        manifest = store.manifest(asset, partition, version.digest)
        tombstone = store.tombstone(manifest)
        state = "erased" if tombstone else "current" if version.digest == current.digest else ""
        rows.append(
            {
                "written_at": version.written_at.isoformat(timespec="seconds"),
                "version": version.digest if json else version.digest[:12],
                "rows": manifest.rows,
                "state": state,
                "reason": tombstone["reason"] if tombstone else "",
                "note": dict(manifest.note or {}) if json else describe(manifest.note),
            }
        )
    _show({"schema": 1, "asset": asset, "partition": partition, "versions": rows}, rows, json, "no versions")


@group.command()
def verify(
    dataset: Annotated[str | None, typer.Argument(help="With --source: only this data set.")] = None,
    source: Annotated[bool, typer.Option("--source", help="Compare what is stored with what its sources say today.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Check every digest and every reference, or with --source every stored row against its source; exit 1 when something is wrong."""
    if source:
        from mlops_assets.cli.verify_source import verify_sources

        verify_sources(project, dataset, json)
        return
    if dataset is not None:
        raise MlopsError(
            "digests are checked of the whole store.", do=f"mlops store verify --source {dataset} compares it with its source."
        )
    from mlops_assets.data.store import verify

    store = _open(project)
    problems = verify(store)
    rows = [dataclasses.asdict(problem) for problem in problems]
    _show({"schema": 1, "store": store.url, "sound": not problems, "problems": rows}, rows, json, f"{store.url} is sound")
    raise typer.Exit(1 if problems else 0)


@group.command()
def gc(
    older_than: Annotated[str, typer.Option("--older-than", help="Only what did not change for so long.")] = "30d",
    dry_run: DryRun = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Remove versions that nothing names: no pointer, record, bundle or newer version that was made from them."""
    from mlops_assets.data.store import collect
    from mlops_assets.spec.durations import Duration

    try:
        age: timedelta = Duration.parse(older_than).timedelta
    except ValueError as error:
        raise MlopsError(str(error), where="--older-than") from None
    store = _open(project)
    collected = collect(store, older_than=age, dry_run=dry_run)
    document = {"schema": 1, "store": store.url, "dry_run": dry_run, **dataclasses.asdict(collected)}
    rows = [{"version": version} for version in collected.versions]
    _show(document, rows, json, "no version can go")
    if not json:
        verb = "would go" if dry_run else "removed"
        print(f"{len(collected.files)} files, {collected.bytes:,} bytes {verb}; {collected.kept} versions kept")


@group.command()
def prune(
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it, only say what would go.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also show what is kept, and why.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the ledger. No personal data.")] = "out of service for long",
    key: KeyOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Remove bundles of versions that are out of service for longer than `keep_bundles` says, here and in MLflow, for good.

    Kept is whatever serves, would be restored by a rollback, waits for a decision, served while an incident is open, or is kept by another
    environment. Records and dossier stay and say that the bundle is gone.
    """
    from mlops_assets.cli.acting import answering, identify, open_for
    from mlops_assets.governance.retention import prunable
    from mlops_assets.lifecycle.pruning import look, prune

    with answering(json):
        workspace = open_for(project, None)
        who = identify(workspace, key)
        found = look(workspace)
        chosen = prunable(found)
        removed = prune(workspace, chosen, who, reason) if yes else []
    shown = [
        {
            "environment": one.environment,
            "model": one.model,
            "version": one.version,
            "state": one.state,
            "unused since": f"{one.unused_since:%Y-%m-%d}",
            "bundle": one.bundle if json else one.bundle[:12],
            "": "pruned" if one.pruned else f"kept: {one.why}" if one.why else "removed" if yes else "would go",
        }
        for one in found
        if json or every or one in chosen
    ]
    if json:
        rows = [{**row, "unused_since": row.pop("unused since"), "outcome": row.pop("")} for row in shown]
        print_json({"schema": 1, "removed": yes, "bytes": sum(size for _, size in removed), "versions": rows})
        return
    _show({}, shown, json, "no bundle can go" if found else "no version is registered")
    if chosen or removed:
        size = f", {sum(size for _, size in removed):,} bytes" if removed else ""
        print(f"{len(chosen)} {'removed' if yes else 'would go; --yes removes them'}{size}; {len(found) - len(chosen)} kept or gone before")


@group.command()
def erase(
    entity: Annotated[list[str], typer.Argument(help="column=value; several name one entity together.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept, so do not name the person.")],
    asset: Annotated[list[str] | None, typer.Option("--asset", help="Only this asset; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Remove one entity's rows from every version, and leave a tombstone. This cannot be undone."""
    from mlops_assets.data.erasure import erase as erase_rows

    pairs = [pair.partition("=") for pair in entity]
    if wrong := [name for name, sign, _ in pairs if not (name and sign)]:
        raise MlopsError(f"{wrong[0]!r} is no column=value.", valid=["customer_id=42"])
    values = {name: value for name, _, value in pairs}
    store = _open(project)
    planned = erase_rows(store, values, reason, assets=asset, dry_run=True)
    if planned and not dry_run:
        print(f"{sum(one.rows for one in planned)} rows in {len(planned)} partitions will be erased for good", file=sys.stderr)
        if not yes and not typer.confirm("Erase them?", err=True):
            raise typer.Exit(1)
        planned = erase_rows(store, values, reason, assets=asset)
    rows = [
        {
            "asset": one.asset,
            "partition": one.partition,
            "rows": one.rows,
            "versions": len(one.removed),
            "current": (one.current or "")[:12],
        }
        for one in planned
    ]
    document = {"schema": 1, "store": store.url, "dry_run": dry_run, "erased": [dataclasses.asdict(one) for one in planned]}
    _show(document, rows, json, "no row belongs to this entity")


@group.command()
def unpin(
    dataset: Annotated[str, typer.Argument(help="Data set whose inferred columns are to be inferred anew.")],
    project: ProjectOption = None,
) -> None:
    """Let go of the inferred column types of a data set; the next ingest infers and pins them again."""
    from mlops_assets.data.ingest import pin_name

    store = _open(project)
    if store.get_pointer(pin_name(dataset)) is None:
        raise MlopsError(f"no columns of {dataset!r} are pinned.", where=store.url)
    store.delete_pointer(pin_name(dataset))
    print(f"the columns of {dataset} will be inferred at its next ingest")


def _open(project: Path | None) -> Store:
    from mlops_assets.data.store import open_store
    from mlops_assets.settings import load_settings

    return open_store(load_settings(project).store_url)


def _current(store: Store, asset: str) -> list[Manifest]:
    """Current versions of an asset, the unpartitioned one first."""
    return list(store.window(asset, [None, *store.partitions(asset)]).values())


def _known(store: Store, asset: str) -> None:
    names = store.assets()
    if asset not in names:
        guess = nearest(asset, names)
        raise MlopsError(
            f"the store has no asset {asset!r}.", where=store.url, valid=names, do=f"Did you mean {guess!r}?" if guess else None
        )


def _show(document: dict[str, object], rows: Sequence[Mapping[str, object]], json: bool, empty: str) -> None:
    if json:
        print_json(document)
        return
    if not rows:
        print(empty)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in rows[0]:
        numeric = isinstance(rows[0][name], int)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else "" if value is None else str(value) for value in row.values()))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
