"""What declarations say about each other: names, columns, calendars, and the leaks that follow."""

from __future__ import annotations

import re

from mlops_assets.errors import nearest
from mlops_assets.spec.calendar import COARSENESS
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.checking.findings import Findings
from mlops_assets.spec.checking.known_columns import dataset_columns, feature_columns, model_columns
from mlops_assets.spec.checking.leaks import model_leaks, view_leaks
from mlops_assets.spec.checking.names import check_common, check_metrics, check_parameters, check_schedule
from mlops_assets.spec.checking.sql import output, statement_mistake, tables, unsteady
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.problems import KeyPath, Problem
from mlops_assets.spec.reads import label_sources, population_sources, uses, view_names
from mlops_assets.spec.windows import WindowError, model_partitions, model_problems, view_problems

_FEATURE = re.compile(r"([a-z][a-z0-9_]*)\.(\*|[A-Za-z_][\w.\-]*)")


def check_catalogue(catalogue: Catalogue, unknown: frozenset[str] = frozenset()) -> list[Problem]:
    """Every problem that shows only when declarations are read together.

    Args:
        catalogue: declarations that are sound by themselves.
        unknown: names that are declared too, but whose own declaration is broken; what refers to them is not judged.
    """
    findings = Findings(catalogue, unknown)
    for dataset in catalogue.datasets.values():
        _dataset(dataset, findings)
    for view in catalogue.views.values():
        _view(view, findings)
    for model in catalogue.models.values():
        _model(model, findings)
    return findings.all()


def _dataset(dataset: Dataset, findings: Findings) -> None:
    check_common(dataset, findings)
    check_schedule(dataset.name, ("schedule",), dataset.schedule, findings)
    columns = dataset_columns(dataset, findings.catalogue.project)
    for key in ("event_time", "available_at"):
        named = getattr(dataset, key)
        if named is not None:
            findings.column(dataset.name, (key,), named, columns, dataset.name)
    for number, named in enumerate(dataset.primary_key):
        findings.column(dataset.name, ("primary_key", number), named, columns, dataset.name)
    if columns.complete:
        for named in dataset.columns:
            findings.column(dataset.name, ("columns", named), named, columns, dataset.name)


def _view(view: FeatureView, findings: Findings) -> None:
    catalogue = findings.catalogue
    check_common(view, findings)
    there = True
    for number, name in enumerate(view.from_):
        there &= _dataset_name(view.name, ("from", number), name, findings)
    if view.sql is not None:
        _query(view.name, ("sql",), view.sql, view.from_ if there else None, "from", findings)
        columns = output(view.sql)
        missing = [key for key in view.entity if columns.complete and key.lower() not in {name.lower() for name in columns.names}]
        for key in missing:
            guess = nearest(key, columns.names)
            findings.add(view.name, ("sql",), f"the query does not return the entity column {key!r}", valid=columns.names, suggestion=guess)
    if not there:
        return
    for error in view_problems(view, catalogue):
        findings.add(view.name, error.path, str(error))
    view_leaks(view, findings)


def _model(model: Model, findings: Findings) -> None:
    catalogue = findings.catalogue
    check_common(model, findings)
    check_metrics(model, findings)
    check_parameters(model, findings)
    check_schedule(model.name, ("score", "schedule"), model.score.schedule if model.score else None, findings)
    check_schedule(model.name, ("retrain", "schedule"), model.retrain.schedule if model.retrain else None, findings)
    for environment, count in model.approvals.items():
        if count < 0:
            findings.add(model.name, ("approvals", environment), f"{count} people cannot approve; it must be 0 or more")
    there = _examples(model, findings) if model.examples is not None else _features(model, findings)
    _carried_columns(model, findings)
    if not there or _depends_on_unknown(model, findings):
        return
    if any(view_problems(catalogue.views[name], catalogue) for name in view_names(model)):
        return
    for error in model_problems(model, catalogue):
        findings.add(model.name, error.path, str(error))
    try:
        partitions = model_partitions(model, catalogue)
    except WindowError:
        return
    if partitions is not None:
        _calendars(model, partitions, findings)
    model_leaks(model, partitions is not None, findings)


def _examples(model: Model, findings: Findings) -> bool:
    examples = model.examples
    assert examples is not None
    if not _dataset_name(model.name, ("examples", "from"), examples.from_, findings):
        return False
    dataset = findings.catalogue.datasets.get(examples.from_)
    if dataset is None:
        return False
    columns = dataset_columns(dataset, findings.catalogue.project)
    findings.column(model.name, ("examples", "target"), examples.target, columns, dataset.name)
    for key in ("exclude", "include"):
        for number, column in enumerate(getattr(examples, key) or ()):
            findings.column(model.name, ("examples", key, number), column, columns, dataset.name)
    for number, column in enumerate(examples.include or ()):
        if column in examples.exclude:
            findings.add(model.name, ("examples", "include", number), f"{column!r} is both included and excluded")
    target = dataset.columns.get(examples.target)
    if target is not None and model.task == "regression" and target.type in ("string", "category", "datetime", "date"):
        findings.add(model.name, ("task",), f"the target {examples.target!r} is declared {target.type}, which regression cannot predict")
    return True


def _features(model: Model, findings: Findings) -> bool:
    catalogue, label = findings.catalogue, model.label
    assert label is not None
    there = True
    given: dict[str, str] = {}
    for number, feature in enumerate(model.features):
        path = ("features", number)
        match = _FEATURE.fullmatch(feature)
        if match is None:
            findings.add(model.name, path, f"{feature!r} is no feature; write `view.*` or `view.column`")
            there = False
            continue
        name, column = match.groups()
        view = catalogue.views.get(name)
        if view is None:
            there = False
            if name in catalogue.datasets:
                found = f"{name!r} is a data set, not a feature view"
                findings.add(model.name, path, found, do="Features come from a feature view; for the columns of a table use `examples`.")
            elif name not in findings.unknown:
                findings.name(model.name, path, name, catalogue.views, "feature view")
            continue
        if {*view.entity} != {*model.entity}:
            found = f"{name} is about {', '.join(view.entity)}, but the model is about {', '.join(model.entity)}"
            findings.add(model.name, path, found, do="A model and its feature views have the same entity.")
        columns = feature_columns(view)
        if column != "*":
            findings.column(model.name, path, column, columns, name)
        for found in columns.names if column == "*" else (column,):
            other = given.setdefault(found, name)
            if other != name:
                do = "Rename one of them in its query, or name the columns of one view."
                findings.add(model.name, path, f"{other} and {name} both have a feature {found!r}", do=do)
    for number, name in enumerate(label.from_ or ()):
        there &= _dataset_name(model.name, ("label", "from", number), name, findings)
    there &= _query(model.name, ("label", "sql"), label.sql, label.from_, "label.from", findings)
    if model.population is not None:
        there &= _query(model.name, ("population",), model.population, None, "", findings)
        _returns_entity(model, ("population",), model.population, findings)
    _returns_entity(model, ("label", "sql"), label.sql, findings)
    returned = output(label.sql)
    targets = [name for name in returned.names if name not in model.entity]
    if returned.complete and len(targets) != 1:
        found = f"the query returns {len(targets)} columns beside the entity ({', '.join(targets) or 'none'}); it must be exactly one"
        findings.add(model.name, ("label", "sql"), found, do="That one is the target.")
    return there


def _returns_entity(model: Model, path: KeyPath, sql: str, findings: Findings) -> None:
    returned = output(sql)
    for key in model.entity:
        if returned.complete and key.lower() not in {name.lower() for name in returned.names}:
            found = f"the query does not return the entity column {key!r}"
            findings.add(model.name, path, found, valid=returned.names, suggestion=nearest(key, returned.names))


def _query(owner: str, path: KeyPath, sql: str, allowed: tuple[str, ...] | None, key: str, findings: Findings) -> bool:
    """Whether a query reads only what it may; ``allowed`` None: any data set."""
    if mistake := statement_mistake(sql):
        findings.add(owner, path, mistake)
        return False
    for function in unsteady(sql):
        findings.add(owner, path, f"{function} gives another answer every time", do="Use $as_of for the time; chance is not possible.")
    sound = True
    datasets = {name.lower(): name for name in findings.catalogue.datasets}
    for table in tables(sql):
        if table.lower() in {name.lower() for name in allowed or ()} or table in findings.unknown:
            continue
        if table.lower() not in datasets:
            valid = allowed or tuple(datasets.values())
            findings.add(owner, path, f"the query reads {table!r}, which is no data set", valid=valid, suggestion=nearest(table, valid))
            sound = False
        elif allowed is not None:
            found = f"the query reads {table!r}, which `{key}` does not name"
            findings.add(owner, path, found, do=f"Add it: `from: [{', '.join((*allowed, datasets[table.lower()]))}]`.")
            sound = False
    return sound


def _carried_columns(model: Model, findings: Findings) -> None:
    """Columns that must be in the training set: of slices, sensitive attributes, groups and weights."""
    columns = model_columns(model, findings.catalogue)
    where = model.examples.from_ if model.examples else "what the model reads"
    for number, gate in enumerate(model.gates):
        for key in ("slice", "attribute"):
            named = getattr(gate, key)
            if named is not None:
                findings.column(model.name, ("gates", number, key), named, columns, where)
    for number, named in enumerate(model.training.group_by):
        findings.column(model.name, ("training", "group_by", number), named, columns, where)
    weights = model.training.weights
    if isinstance(weights, str) and weights not in ("none", "balanced", *columns.names):
        path = ("training", "weights")
        if meant := nearest(weights, ("none", "balanced")):
            findings.add(model.name, path, f"{weights!r} is neither a way to weight nor a column that is known", suggestion=meant)
        else:
            findings.column(model.name, path, weights, columns, where)


def _calendars(model: Model, partitions: Partitions, findings: Findings) -> None:
    """A model may be coarser than what it reads, never finer, and everything stands in one time zone."""
    path: KeyPath = ("partitions",) if model.partitions else ("examples", "from") if model.examples else ("features",)
    catalogue = findings.catalogue
    for name in uses(model.name, catalogue):
        dataset = catalogue.datasets.get(name)
        if dataset is None or dataset.partitions is None:
            continue
        if dataset.partitions.timezone != partitions.timezone:
            found = f"the model's periods begin in {partitions.timezone}, those of {name} in {dataset.partitions.timezone}"
            findings.add(model.name, path, found, do="One project has one time zone; give both the same.")
        if dataset.kind == "events" and COARSENESS[dataset.partitions.every] > COARSENESS[partitions.every]:
            found = f"the model's periods are {partitions.every}s, but {name} comes by the {dataset.partitions.every}"
            findings.add(model.name, path, found, do="A model may be coarser than its data, not finer.")


def _depends_on_unknown(model: Model, findings: Findings) -> bool:
    catalogue = findings.catalogue
    views = [catalogue.views[name] for name in uses(model.name, catalogue) if name in catalogue.views]
    named = {name for view in views for name in view.from_} | {*label_sources(model, catalogue), *population_sources(model, catalogue)}
    if model.label is not None:
        named |= {*tables(model.label.sql), *tables(model.population or "")}
    return any(name not in catalogue.datasets for name in named)


def _dataset_name(owner: str, path: KeyPath, name: str, findings: Findings) -> bool:
    if name in findings.catalogue.datasets:
        return True
    if name in findings.unknown:
        return False
    if name in findings.catalogue.views or name in findings.catalogue.models:
        what = "a feature view" if name in findings.catalogue.views else "a model"
        findings.add(owner, path, f"{name!r} is {what}, not a data set", valid=findings.catalogue.datasets)
        return False
    return findings.name(owner, path, name, findings.catalogue.datasets, "data set")
