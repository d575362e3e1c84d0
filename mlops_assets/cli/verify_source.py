"""`mlops store verify --source`: what is stored beside what its sources say today."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.cli.acting import answering
from mlops_assets.cli.common import print_json

if TYPE_CHECKING:
    from mlops_assets.lifecycle.against_source import Mismatch, Verified

_PARTITIONS = 20
_FILES = {
    "same": "the file is the one that was read, so what is stored is wrong",
    "another": "the file is another one now",
    "unknown": "it was read before it was noted from which state of the file",
    "no file": "",
}


def verify_sources(project: Path | None, dataset: str | None, json: bool) -> None:
    """Compare one data set, or all that are stored, with their sources, print what differs, and exit 1 where something does."""
    from mlops_assets.lifecycle.against_source import stored_datasets, verify_source
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.settings import find_project

    with answering(json):
        workspace = open_workspace(find_project(project))
        names = stored_datasets(workspace) if dataset is None else [dataset]
        verified = [verify_source(workspace, name) for name in names]
    sound = all(one.sound for one in verified)
    if json:
        print_json({"schema": 1, "store": workspace.store.url, "sound": sound, "datasets": [_document(one) for one in verified]})
    else:
        typer.echo("\n".join(line for one in verified for line in _lines(one)) or "no data set is stored yet")
    raise typer.Exit(0 if sound else 1)


def _document(verified: Verified) -> dict[str, Any]:
    unverifiable = [{"partition": key, "why": why} for key, why in verified.unverifiable.items()]
    differing = [{**dataclasses.asdict(one), "text": _text(one)} for one in verified.differing]
    about = {"dataset": verified.dataset, "sound": verified.sound, "compared": verified.compared}
    return {**about, "differing": differing, "not_verifiable": unverifiable}


def _lines(verified: Verified) -> Iterator[str]:
    count, wrong = verified.compared, len(verified.differing)
    many = f"{count:,} stored {'partition' if count == 1 else 'partitions'}"
    if verified.unverifiable and not count:
        yield f"{verified.dataset}: nothing of it can be verified"
    elif not wrong:
        yield f"{verified.dataset}: {many} compared; all are what the source says"
    else:
        yield f"{verified.dataset}: {many} compared; {wrong:,} differ from the source"
    for one in verified.differing[:_PARTITIONS]:
        yield f"  {one.partition or 'table'}  {_text(one)}"
        for reason in one.reasons[:3]:
            yield f"    {reason}"
        for example in one.examples:
            yield f"    stored {_row(example['stored'])}; the source has {_row(example['source'])}"
        for hidden in one.inexact:
            pairs = "; ".join(f"stored as {hidden.kind} {stored}, written {written}" for stored, written in hidden.examples)
            yield f"    {hidden.column}: {hidden.count:,} {'value is' if hidden.count == 1 else 'values are'} not what is written: {pairs}"
    if wrong > _PARTITIONS:
        yield f"  … and {wrong - _PARTITIONS:,} more; `--json` has all of them"
    if verified.unverifiable:
        keys = list(verified.unverifiable)
        span = f"{keys[0]} … {keys[-1]}" if len(keys) > 1 else f"{keys[0]}"
        yield f"  not verifiable: {span}, since {verified.unverifiable[keys[0]]}"


def _text(one: Mismatch) -> str:
    """What differs, in one line."""
    if not one.stored:
        return f"{one.added:,} rows of the source lie in it, and it is not stored, though the partitions around it are"
    counts = ((one.altered, "with other values"), (one.removed, "not in the source"), (one.added, "of the source not stored"))
    said = [f"{count:,} {'row' if count == 1 else 'rows'} {words}" for count, words in counts if count]
    columns = [f"{name} ({count:,})" if count else name for name, count in one.columns.items()]
    said += [f"columns {', '.join(columns)}"] if columns else []
    said += ["{:,} rows are set aside, {:,} would be".format(*one.quarantined)] if one.quarantined else []
    said += [f"more is written in {', '.join(hidden.column for hidden in one.inexact)} than is stored"] if one.inexact else []
    said += [_FILES[one.files]] if _FILES[one.files] else []
    return "; ".join(said)


def _row(row: dict[str, Any] | None) -> str:
    if row is None:
        return "no such row"
    shown = ", ".join(f"{name}={value.isoformat() if hasattr(value, 'isoformat') else value!r}" for name, value in row.items())
    return f"({shown if len(shown) <= 200 else shown[:199] + '…'})"
