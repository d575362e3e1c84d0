"""The full form: entities of a population, their features at an as-of time, and the label that came after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.data.features.sandbox import Sandbox, quote
from mlops_assets.data.features.table import Feature
from mlops_assets.data.training_sets.labels import LabelReader, Labels, Population, default_target
from mlops_assets.data.training_sets.model_views import ModelView, model_views, take_columns
from mlops_assets.data.training_sets.rows import AS_OF, LABEL_END, TARGET, TrainingRows, TrainingSetError, require_history
from mlops_assets.data.training_sets.split import HOLDOUT, TRAIN, keep_sample, row_keys
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.model import Model
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Store


def point_in_time_rows(
    model: Model,
    catalogue: Catalogue,
    key: str,
    store: Store,
    *,
    sample: float = 1.0,
    memory_limit: str | None = None,
    folder: str | None = None,
) -> TrainingRows:
    """Rows of the full form at ``key``: one per entity of the population and as-of snapshot, in order of as-of time and entity.

    Raises:
        TrainingSetError: too short a history, unknown columns, views that collide or were computed by another definition.
        MissingPartitionsError: features or label data that are not in the store.
        LabelError, FeatureError, SandboxError: a query that gives what cannot be used.
    """
    import numpy as np
    import pyarrow as pa

    windows = model_windows(model, catalogue)
    require_history(model, windows, key)
    train, holdout, embargo = windows.train_keys(key), windows.holdout_keys(key), windows.embargo_keys(key)
    used = [*train, *holdout]
    views = model_views(model, catalogue, windows, windows.feature_keys(key), store)
    features, carried = take_columns(model, views)
    intervals = {k: windows.interval(k) for k in windows.feature_keys(key)}
    dropped: Counter[str] = Counter()
    inputs: dict[str, str] = {}
    parts: list[pa.Table] = []
    sides: list[str] = []
    embargoed = rows = defaults = 0
    target: str | None = None
    with Sandbox(memory_limit=memory_limit, folder=folder) as box, Sandbox(memory_limit=memory_limit, folder=folder) as labels_box:
        as_ofs = [intervals[k][0] for k in windows.feature_keys(key)]
        population = Population(model, catalogue, as_ofs, store, box) if model.population else None
        reader = LabelReader(model, catalogue, [intervals[k] for k in used], store, labels_box)
        for k in windows.feature_keys(key):
            as_of, end = intervals[k]
            entities = _entities(model, views, population, k, as_of, store, inputs)
            if sample < 1:
                kept = keep_sample(row_keys(entities, model.entity), sample)
                entities = entities.filter(pa.array(kept))
            if k in embargo:
                embargoed += entities.num_rows
                continue
            rows += entities.num_rows
            labels = reader.at(as_of, end)
            target = _one_target(model, target, labels.target, [*(f.name for f in features), *carried])
            inputs.update(labels.inputs)
            part, counts = _labelled(model, _join(model, views, entities, labels, k, store, inputs, box), labels, as_of, end)
            if sample < 1:
                counts.pop("label outside the population", None)
            defaults += counts.pop("default", 0)
            dropped.update(counts)
            parts.append(part)
            sides += [TRAIN if k in train else HOLDOUT] * part.num_rows
        leaking = {*reader.can_leak, *(population.can_leak if population else ())}
    assert target is not None
    leaking |= {name for view in views for m in view.manifests.values() if m for name in m.facts.get("snapshot_sources", [])}
    table = pa.concat_tables(parts).combine_chunks()
    return TrainingRows(
        table=table,
        sides=np.array(sides, dtype=object),
        target=target,
        entity=model.entity,
        features=features,
        carried=carried,
        inputs=inputs,
        embargoed=embargoed,
        dropped=dropped,
        keys={TRAIN: train, HOLDOUT: holdout},
        facts={
            "snapshot_sources": sorted(leaking),
            "population": {"query": model.population is not None, "rows": rows, "default_labels": defaults},
        },
        final_by=windows.calendar.end_of(key) if windows.calendar else None,
    )


def population_rows(
    model: Model, catalogue: Catalogue, key: str, store: Store, *, memory_limit: str | None = None, folder: str | None = None
) -> tuple[pa.Table, dict[str, str]]:
    """Who is scored as of ``key`` in the full form: entity, features and ``__as_of``, in order of entity; and the versions that were read.

    Joined as for training, so that the same entity and as-of time have the same features in both.

    Raises: as :func:`point_in_time_rows`.
    """
    windows = model_windows(model, catalogue)
    if windows.calendar is None or not windows.calendar.contains(key):
        raise TrainingSetError(f"{key!r} is no partition of its calendar.", where=model.name)
    as_of, inputs = windows.calendar.end_of(key), dict[str, str]()
    views = model_views(model, catalogue, windows, [key], store)
    features, _ = take_columns(model, views)
    with Sandbox(memory_limit=memory_limit, folder=folder) as box:
        population = Population(model, catalogue, [as_of], store, box) if model.population else None
        entities = _entities(model, views, population, key, as_of, store, inputs)
        rows = _join(model, views, entities, None, key, store, inputs, box)
    return _dated(rows.select([*model.entity, *(feature.name for feature in features)]), as_of, AS_OF), inputs


def _entities(
    model: Model,
    views: Sequence[ModelView],
    population: Population | None,
    key: str,
    as_of: datetime,
    store: Store,
    inputs: dict[str, str],
) -> pa.Table:
    import pyarrow as pa

    if population is not None:
        entities, read = population.at(as_of)
        inputs.update(read)
        return entities
    tables = []
    for view in views:
        manifest = view.manifests[key]
        if manifest is not None and manifest.rows:
            inputs[manifest.reference] = manifest.digest
            tables.append(store.read(manifest, list(model.entity)).select(list(model.entity)))
    if not tables:
        return pa.table({name: pa.array([], pa.int64()) for name in model.entity})
    joined = pa.concat_tables(_alike_keys(model, tables))
    return joined.group_by(list(model.entity)).aggregate([]).sort_by([(name, "ascending") for name in model.entity])


def _join(
    model: Model,
    views: Sequence[ModelView],
    entities: pa.Table,
    labels: Labels | None,
    key: str,
    store: Store,
    inputs: dict[str, str],
    box: Sandbox,
) -> pa.Table:
    """Features of ``entities`` as of ``key``, in order of entity; with labels also ``__target`` and ``__found``, whether one was there."""
    registered = {"__entities": entities}
    names = [*model.entity]
    select = [f"e.{quote(name)}" for name in names]
    joins = []
    for index, view in enumerate(views):
        manifest = view.manifests[key]
        if manifest is None or not manifest.rows:
            select += [f"{_null(view.types[column])} as {quote(column)}" for column in view.columns]
            continue
        inputs[manifest.reference] = manifest.digest
        registered[f"__view_{index}"] = store.read(manifest, [*model.entity, *view.columns])
        select += [f"v{index}.{quote(column)}" for column in view.columns]
        joins.append(f"left join __view_{index} v{index} on {_on(model, 'v' + str(index))}")
    if labels is not None:
        registered["__labels"] = labels.table
        joins.append(f"left join __labels l on {_on(model, 'l')}")
        select += [f"l.{quote(labels.target)} as {TARGET}", f"l.{quote(model.entity[0])} is not null as __found"]
    filled = [name for name, table in registered.items() if table.num_rows]
    registered.update(zip(filled, _alike_keys(model, [registered[name] for name in filled]), strict=True))
    order = ", ".join(f"e.{quote(name)}" for name in model.entity)
    for name, table in registered.items():
        box.register(name, table)
    rows = box.table(f"select {', '.join(select)} from __entities e {' '.join(joins)} order by {order}")
    for name in registered:
        box.unregister(name)
    return rows


def _labelled(model: Model, rows: pa.Table, labels: Labels, as_of: datetime, end: datetime) -> tuple[pa.Table, Counter[str]]:
    """Those of ``rows`` that have a label or its default, dated; and why the others do not count."""
    import pyarrow.compute as pc

    found = rows.column("__found")
    matched = pc.sum(found).as_py() or 0
    counts = Counter({"label outside the population": labels.table.num_rows - matched})
    target = rows.column(TARGET)
    if model.label is not None and model.label.default is not None:
        counts["default"] = rows.num_rows - matched
        target = pc.if_else(found, target, default_target(model, target.type))
    counts["null label"] = pc.sum(pc.and_(found, pc.is_null(target))).as_py() or 0
    rows = rows.drop_columns(["__found"]).set_column(rows.column_names.index(TARGET), TARGET, target)
    kept = rows.filter(pc.is_valid(target))
    counts["no label"] = rows.num_rows - kept.num_rows - counts["null label"]
    return _dated(_dated(kept, as_of, AS_OF), end, LABEL_END), Counter({reason: n for reason, n in counts.items() if n})


def _dated(rows: pa.Table, moment: datetime, name: str) -> pa.Table:
    import pyarrow as pa

    return rows.append_column(name, pa.array([moment] * rows.num_rows, pa.timestamp("us", "UTC")))


def _one_target(model: Model, before: str | None, target: str, taken: Sequence[str]) -> str:
    if target in taken:
        raise TrainingSetError(
            f"the target {target!r} has the name of a feature.", where=f"{model.name}.label.sql", do="Give the target another name with AS."
        )
    return before or target


def _alike_keys(model: Model, tables: Sequence[pa.Table]) -> list[pa.Table]:
    """The tables with keys of one type: those of a view whose first partition has them as double stay double in all."""
    import pyarrow as pa

    tables = list(tables)
    for name in model.entity:
        kinds = {str(table.schema.field(name).type) for table in tables}
        if kinds == {"double", "int64"}:
            tables = [table.set_column(table.column_names.index(name), name, table.column(name).cast(pa.float64())) for table in tables]
        elif len(kinds) > 1:
            raise TrainingSetError(
                f"the entity column {name!r} is {' here and '.join(sorted(kinds))} there.",
                where=model.name,
                do="Cast it to one type in the feature views, the population and the label.",
            )
    return tables


def _on(model: Model, alias: str) -> str:
    return " and ".join(f"{alias}.{quote(name)} = e.{quote(name)}" for name in model.entity)


def _null(feature: Feature) -> str:
    kinds = {"int64": "bigint", "float64": "double", "bool": "boolean", "datetime": "timestamptz", "date": "date"}
    return f"cast(null as {kinds.get(feature.type, 'varchar')})"
