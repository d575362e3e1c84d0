"""All problems that a model's data have with its definition, located in both, before anything is trained.

They are looked for in what is stored, or, where nothing could be stored yet and for `mlops check --data`, in what the source gives.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.lifecycle.making.locating import places
from mlops_assets.lifecycle.needs import read_by_model
from mlops_assets.spec.checking.findings import Findings
from mlops_assets.spec.problems import KeyPath, Problem, errors

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.schema.findings import Violation
    from mlops_assets.data.sources import Window
    from mlops_assets.data.training_sets.problems import DataProblem
    from mlops_assets.lifecycle.power import HoldoutPower
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.model import Model

SMALL = 200 * 2**20
"""Sources whose files have at most this many bytes in all are read as a whole; of others the newest partitions."""
SAMPLE = 3
"""So many partitions stand for a large source."""
MOST_ROWS = 1_000_000
"""So many stored rows are looked at, the newest ones."""


class DataProblemsError(MlopsError):
    """Data that a model cannot learn from as it is declared; the text lists every problem with its places."""

    def __init__(self, workspace: Workspace, name: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        found = len(errors(problems))
        lines = [problem.text(workspace.settings.project) for problem in problems]
        do = f"Nothing was trained. `mlops check --data {name}` looks again without a run."
        super().__init__("\n".join([f"{found} problem{'s' if found != 1 else ''} of {name} with its data:", *lines]), do=f"\n{do}")


@dataclass
class Looked:
    """What was found, and which part of which source was looked at, where it was not the whole.

    ``of_models`` says whether there are errors beside those that ingestion itself names. ``holdouts`` are what the holdouts of models
    bring, where rows could be counted.
    """

    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    of_models: bool = False
    holdouts: dict[str, HoldoutPower] = field(default_factory=dict)


def stored_problems(workspace: Workspace, name: str, key: str | None) -> list[Problem]:
    """Problems of model ``name`` with the stored rows that it would learn from at ``key``; none for features at points in time."""
    import pyarrow as pa

    from mlops_assets.data.store import Manifest
    from mlops_assets.data.training_sets.problems import example_problems, needed_columns

    model = workspace.catalogue.models[name]
    if model.examples is None:
        return []
    dataset, store = workspace.catalogue.datasets[model.examples.from_], workspace.store
    keys = read_by_model(workspace, name, key).datasets[dataset.name]
    ordered = sorted(keys, key=lambda one: dataset.calendar.start_of(one).isoformat() if one and dataset.calendar else "")
    found = store.window(dataset.name, ordered)
    rows, chosen = 0, list[Manifest]()
    for manifest in reversed([found[one] for one in ordered if one in found and found[one].rows]):
        if not chosen or rows + manifest.rows <= MOST_ROWS:
            chosen.append(manifest)
            rows += manifest.rows
    if not chosen:
        return []
    columns = needed_columns(model, dataset, dict(chosen[0].schema))
    tables = [store.read(manifest, columns) for manifest in reversed(chosen)]
    present = {name for name, _ in chosen[0].schema}
    table = pa.concat_tables(tables, promote_options="default")
    complete = rows == sum(manifest.rows for manifest in found.values())
    findings = Findings(workspace.catalogue)
    for problem in example_problems(model, dataset, _with_names(table, chosen[0].schema, present), complete=complete):
        _add(workspace, dataset, problem, findings)
    return findings.all()


def _with_names(table: pa.Table, schema: Iterable[Any], present: set[str]) -> pa.Table:
    """The table with columns of nothing for those that were not read, so that their names are known."""
    import pyarrow as pa

    for name in present - set(table.column_names):
        table = table.append_column(name, pa.nulls(table.num_rows))
    return table


def source_problems(workspace: Workspace, names: Iterable[str]) -> Looked:
    """Problems of models and data sets ``names`` with what their sources give now; nothing is stored.

    Of a source with large files, and of one without files, the newest partitions are read, and that is noted.
    """
    from mlops_assets.data.schema.columns import declared_names
    from mlops_assets.data.training_sets.problems import example_problems

    looked, findings = Looked(), Findings(workspace.catalogue)
    models = [workspace.catalogue.models[name] for name in names if name in workspace.catalogue.models]
    datasets = [name for name in names if name in workspace.catalogue.datasets]
    datasets += [name for model in models for name in _sources(workspace, model.name)]
    tables: dict[str, pa.Table] = {}
    for dataset_name in dict.fromkeys(datasets):
        dataset = workspace.catalogue.datasets[dataset_name]
        window, said = _part(workspace, dataset)
        looked.notes += [said] if said else []
        table = _read(workspace, dataset, window, findings)
        if table is None:
            continue
        tables[dataset_name] = table
        for model in models:
            if model.examples is not None and model.examples.from_ == dataset_name:
                told = {*declared_names(dataset)} - {*table.column_names}
                for problem in example_problems(model, dataset, table, complete=said is None):
                    if problem.column in told:
                        continue
                    looked.of_models |= problem.severity == "error"
                    _add(workspace, dataset, problem, findings, window)
    if not errors(findings.all()):
        for model in models:
            _holdout(workspace, model, tables, looked, findings)
    looked.problems = findings.all()
    return looked


def _holdout(workspace: Workspace, model: Model, tables: Mapping[str, pa.Table], looked: Looked, findings: Findings) -> None:
    """Note what the holdout of a model brings, and warn where that is too little for a gate."""
    from mlops_assets.lifecycle.power import holdout_power

    table = None if model.examples is None else tables.get(model.examples.from_)
    found = holdout_power(workspace, model.name, table)
    if found is None:
        return
    looked.holdouts[model.name] = found
    if found.warning is not None:
        what, do = found.warning
        findings.add(model.name, ("training", "holdout"), what, do=do, severity="warning")


def _sources(workspace: Workspace, model: str) -> list[str]:
    from mlops_assets.spec.reads import uses

    return [name for name in uses(model, workspace.catalogue) if name in workspace.catalogue.datasets]


def _part(workspace: Workspace, dataset: Dataset) -> tuple[Window | None, str | None]:
    """The time to read (None: everything), and what to say of it where that is not all."""
    from mlops_assets.data.sources.errors import SourceError
    from mlops_assets.data.sources.paths import files_of, is_url

    calendar, path = dataset.calendar, getattr(dataset.source.detail, "path", None)
    if calendar is None or dataset.source.kind == "url":
        return None, None
    if path is not None and not is_url(path):
        try:
            size = sum(os.path.getsize(file.path) for file in files_of(path, dataset, None, workspace.source_context(dataset.name)))  # noqa: PTH202
        except SourceError:
            size = 0
        if size <= SMALL:
            return None, None
    newest = calendar.newest_complete(datetime.now(UTC))
    if newest is None:
        return None, None
    first = max(calendar.shift(newest, 1 - SAMPLE), calendar.first_key, key=calendar.start_of)
    return (calendar.start_of(first), calendar.end_of(newest)), f"{dataset.name}: only partitions {first} to {newest} were looked at"


def _read(workspace: Workspace, dataset: Dataset, window: Window | None, findings: Findings) -> pa.Table | None:
    """Rows in their types, with what breaks a rule noted; as they are where columns are missing; None where the source cannot be read."""
    import numpy as np

    from mlops_assets.data.ingest import pinned_types
    from mlops_assets.data.ingest.tables import read_table
    from mlops_assets.data.schema import SchemaError
    from mlops_assets.data.schema.checks import check
    from mlops_assets.data.schema.columns import declared_names, may_be_absent, undeclared
    from mlops_assets.data.schema.findings import violations

    context = workspace.source_context(dataset.name)
    try:
        read = read_table(dataset, window, context, pinned_types(dataset, workspace.store))
    except SchemaError as error:
        try:
            table = read_table(undeclared(dataset), window, context).table
        except MlopsError:
            table = None
        there = [] if table is None else table.column_names
        missing = [name for name in declared_names(dataset) if name not in there and not may_be_absent(dataset, name)] if there else []
        for name in missing:
            key, guess = _key_of(dataset, name), nearest(name, there)
            findings.add(dataset.name, key, f"the source has no column {name!r}", valid=there, suggestion=guess)
        if not missing:
            findings.add(dataset.name, ("columns",), error.found, valid=error.valid, do=error.do)
        return table
    except MlopsError as error:
        findings.add(dataset.name, ("source",), error.found if not error.where else f"{error.where}: {error.found}", do=error.do)
        return None
    rows = read.table.num_rows
    found = read.findings + check(dataset, read.table, np.zeros(rows, dtype=np.int64))
    broken = len(np.unique(np.concatenate([one.rows for one in found]))) if found else 0
    refused = dataset.on_invalid == "block" or broken > dataset.max_invalid * rows
    for violation in violations(dataset, found, 0, rows, range(rows), read.origins.place):
        _violation(dataset, violation, findings, refused=refused)
    return read.table


def _violation(dataset: Dataset, violation: Violation, findings: Findings, *, refused: bool) -> None:
    place = list(violation.places[:3]) or [f"row {row}" for row in violation.rows[:3]]
    values = [*violation.examples, *([""] * len(place))]
    shown = ", ".join(f"{at} `{value}`" if value else at for at, value in zip(place, values, strict=False))
    many = "1 row" if violation.count == 1 else f"{violation.count:,} rows"
    found = f"{violation.column} breaks '{violation.rule}' in {many}: {shown}{', …' if violation.count > len(place) else ''}"
    do = None if refused else "Such rows are quarantined."
    findings.add(dataset.name, _key_of(dataset, violation.column), found, do=do, severity="error" if refused else "warning")


def _key_of(dataset: Dataset, column: str) -> KeyPath:
    if column in dataset.columns:
        return ("columns", column)
    return next(((key,) for key in ("event_time", "available_at") if getattr(dataset, key) == column), ("primary_key",))


def _add(workspace: Workspace, dataset: Dataset, problem: DataProblem, findings: Findings, window: Window | None = None) -> None:
    found = problem.found
    if problem.values and not (problem.column in dataset.columns and dataset.columns[str(problem.column)].pii):
        context = workspace.source_context(dataset.name)
        where = places(dataset, context, str(problem.column), set(problem.values), window=window)
        shown = ", ".join(where) or problem.examples
        found += f": {shown}" if shown else ""
    findings.add(
        problem.owner, problem.path, found, valid=problem.valid, suggestion=problem.suggestion, do=problem.do, severity=problem.severity
    )


def refuse(workspace: Workspace, name: str, problems: Sequence[Problem]) -> list[str]:
    """The warnings among ``problems`` as lines.

    Raises:
        DataProblemsError: when there are errors, with all of them.
    """
    if errors(problems):
        raise DataProblemsError(workspace, name, problems)
    return [problem.text(workspace.settings.project) for problem in problems]
