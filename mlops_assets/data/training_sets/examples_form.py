"""The simple form: rows of one data set that carry their target. A row is as of its own event time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_assets.data.features.sandbox import Sandbox, quote
from mlops_assets.data.features.table import Feature, feature_type, with_floats
from mlops_assets.data.features.visible import can_leak, find_partitions
from mlops_assets.data.training_sets.rows import (
    AS_OF,
    LABEL_END,
    TARGET,
    TrainingRows,
    TrainingSetError,
    carried_names,
    require_history,
    seconds_of,
    unknown_column,
    weights_column,
)
from mlops_assets.data.training_sets.split import HOLDOUT, TRAIN, keep_sample, random_split, row_keys, time_split
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.covering import covering
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.model import Model
from mlops_assets.spec.periods import Windows
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.store import Store


def example_rows(model: Model, catalogue: Catalogue, key: str | None, store: Store, *, sample: float = 1.0) -> TrainingRows:
    """Rows of the examples form at ``key``, in order of time (then as stored), with the side of the split that each is on.

    Dated and partitioned: by partition, with an embargo of the label delay. Dated without partitions: by event time.
    Undated: at random by seed, stratified in a classification, whole groups with ``group_by``.

    Raises:
        TrainingSetError: too short a history, unknown or forbidden columns, nothing on one side of the split.
        MissingPartitionsError: partitions of the window that are not in the store.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    assert model.examples is not None
    dataset = _dataset(model, catalogue)
    windows = model_windows(model, catalogue)
    if windows.calendar is None and key is not None:
        raise TrainingSetError(
            "it has no partitions, since its data have none.", where=f"{model.name}@{key}", do="Train it without an as-of partition."
        )
    if windows.calendar is not None and key is None:
        raise TrainingSetError("it has partitions.", where=model.name, do=f"Name one, such as {windows.calendar.first_key}.")
    keys = _keys(model, dataset, windows, key)
    found = find_partitions(store, dataset, keys, where=model.name)
    filled = [manifest for manifest in found.values() if manifest.rows] or list(found.values())[:1]
    schema = dict(filled[-1].schema)
    features, carried = _columns(model, dataset, list(schema))
    keep = list(dict.fromkeys([*_entity(model, dataset), *features, *carried, model.examples.target]))
    if unknown := [name for name in keep if name not in schema]:
        raise unknown_column(model, unknown[0], list(schema), what="the model")
    times = [dataset.event_time] if dataset.event_time else []
    tables = [store.read(manifest, list(dict.fromkeys([*keep, *times]))) for manifest in filled]
    try:
        table = pa.concat_tables(tables).combine_chunks()
    except pa.ArrowInvalid as error:
        raise TrainingSetError(
            f"partitions of {dataset.name} differ in their columns: {error}", where=model.name, do=f"Materialize {dataset.name} again."
        ) from error
    table = _with_times(table, dataset, model.examples.label_delay)
    dropped = {"not dated": table.column(AS_OF).null_count if dataset.event_time else 0}
    table = _in_order_of_time(table, dataset)
    target = table.column(model.examples.target)
    dropped["null label"] = target.null_count
    table = table.filter(pc.is_valid(target))
    names = row_keys(table, list(_entity(model, dataset)) or keep)
    if sample < 1:
        kept = keep_sample(names, sample)
        names = [name for name, keeps in zip(names, kept, strict=True) if keeps]
        table = table.filter(pa.array(kept))
    sides, embargoed, sides_keys = _split(model, dataset, windows, key, table, names)
    table = with_floats(table, [*features, *carried, model.examples.target])
    kinds = {name: table.schema.field(name).type for name in features}
    selected = table.select([*dict.fromkeys([*_entity(model, dataset), *features, *carried]), AS_OF, LABEL_END])
    selected = selected.append_column(TARGET, table.column(model.examples.target))
    return TrainingRows(
        table=selected,
        sides=sides,
        target=model.examples.target,
        entity=_entity(model, dataset),
        features=tuple(_feature(model, dataset, name, kinds[name]) for name in features),
        carried=carried,
        inputs={manifest.reference: manifest.digest for manifest in found.values()},
        embargoed=embargoed,
        dropped={reason: n for reason, n in dropped.items() if n},
        keys=sides_keys,
        facts={"snapshot_sources": can_leak([dataset]) if windows.calendar else [], "population": None},
        final_by=windows.calendar.end_of(key) if windows.calendar and key else None,
    )


def scored_rows(model: Model, catalogue: Catalogue, key: str | None, store: Store) -> tuple[pa.Table, dict[str, str]]:
    """Rows of ``key`` (None: all) as they are scored: key, features, ``__as_of``, ``__label_end`` and ``__target``
    (null where it has not come) in order of time; and the versions that were read.

    Raises: as :func:`example_rows`.
    """
    import pyarrow as pa

    assert model.examples is not None
    dataset, windows = _dataset(model, catalogue), model_windows(model, catalogue)
    keys: Sequence[str | None] = [None]
    if windows.calendar is not None and key is not None and dataset.partitions is not None:
        keys = covering(dataset.partitions, windows.calendar.start_of(key), windows.calendar.end_of(key))
    found = find_partitions(store, dataset, keys, where=model.name)
    filled = [manifest for manifest in found.values() if manifest.rows] or list(found.values())[:1]
    if not filled:
        raise TrainingSetError(f"{dataset.name} has no partition in {key}.", where=model.name)
    features, _ = _columns(model, dataset, list(dict(filled[-1].schema)))
    times = [dataset.event_time] if dataset.event_time else []
    keep = list(dict.fromkeys([*_entity(model, dataset), *features, model.examples.target]))
    table = pa.concat_tables([store.read(m, list(dict.fromkeys([*keep, *times]))) for m in filled]).combine_chunks()
    table = _in_order_of_time(_with_times(table, dataset, model.examples.label_delay), dataset)
    table = with_floats(table, [*features, model.examples.target])
    rows = table.select([*dict.fromkeys([*_entity(model, dataset), *features]), AS_OF, LABEL_END])
    return rows.append_column(TARGET, table.column(model.examples.target)), {m.reference: m.digest for m in found.values()}


def _dataset(model: Model, catalogue: Catalogue) -> Dataset:
    assert model.examples is not None
    name = model.examples.from_
    if name not in catalogue.datasets:
        raise TrainingSetError(f"there is no data set {name!r}.", where=f"{model.name}.examples.from", valid=sorted(catalogue.datasets))
    return catalogue.datasets[name]


def _keys(model: Model, dataset: Dataset, windows: Windows, key: str | None) -> Sequence[str | None]:
    if windows.calendar is None or key is None or dataset.partitions is None:
        return [None]
    require_history(model, windows, key)
    keys = windows.feature_keys(key)
    found = covering(dataset.partitions, windows.calendar.start_of(keys[0]), windows.calendar.end_of(keys[-1]))
    if not found:
        raise TrainingSetError(f"{dataset.name} has no partition between {keys[0]} and {keys[-1]}.", where=f"{model.name}@{key}")
    return found


def _entity(model: Model, dataset: Dataset) -> tuple[str, ...]:
    return model.entity or dataset.primary_key


def _columns(model: Model, dataset: Dataset, there: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Feature columns and carried columns. Without ``include``: all that may be a feature."""
    assert model.examples is not None
    examples, carried = model.examples, list(carried_names(model))
    for name in (examples.target, *examples.exclude, *(examples.include or ()), *carried):
        if name not in there:
            what = (
                "target" if name == examples.target else "exclude" if name in examples.exclude else "include, a gate, group_by or weights"
            )
            raise unknown_column(model, name, there, what=what)
    forbidden = {name: "personal data" for name, column in dataset.columns.items() if column.pii}
    forbidden |= {name: "known only after the fact" for name, column in dataset.columns.items() if column.known == "after"}
    forbidden |= {examples.target: "the target"}
    if examples.include is not None:
        for name in examples.include:
            if name in forbidden:
                raise TrainingSetError(f"{name!r} is {forbidden[name]} and may not be a feature.", where=f"{model.name}.examples.include")
        features = [name for name in examples.include if name not in examples.exclude]
    else:
        keys = {*dataset.primary_key, *model.entity, *model.training.group_by, weights_column(model)}
        moments = {dataset.event_time, dataset.available_at}
        out = {*forbidden, *examples.exclude, *keys, *moments}
        features = [name for name in there if name not in out]
    if not features:
        raise TrainingSetError("no column is left to be a feature.", where=f"{model.name}.examples")
    entity = _entity(model, dataset)
    return features, tuple(name for name in carried if name not in features and name not in entity and name != examples.target)


def _with_times(table: pa.Table, dataset: Dataset, delay: Duration | None) -> pa.Table:
    """The same rows with ``__as_of`` and ``__label_end`` (null where undated); days and months are added in the calendar's zone."""
    import pyarrow as pa

    moment = pa.timestamp("us", "UTC")
    if dataset.event_time is None:
        nothing = pa.nulls(table.num_rows, moment)
        return table.append_column(AS_OF, nothing).append_column(LABEL_END, nothing)
    zone = dataset.timezone
    column = quote(dataset.event_time)
    kind = table.schema.field(dataset.event_time).type
    as_of = f"timezone('{zone}', cast({column} as timestamp))" if pa.types.is_date(kind) else column
    if not (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        raise TrainingSetError(f"event_time is {kind}.", where=f"{dataset.name}.{dataset.event_time}", valid=("datetime", "date"))
    if delay is None:
        end = as_of
    elif delay.unit in ("day", "week", "month"):
        end = f"timezone('{zone}', timezone('{zone}', {as_of}) + interval {delay.count} {delay.unit})"
    else:
        end = f"{as_of} + interval {delay.count} {delay.unit}"
    with Sandbox() as box:
        box.register("__rows", table.select([dataset.event_time]))
        times = box.table(f"select {as_of} as {AS_OF}, {end} as {LABEL_END} from __rows")
    return table.append_column(AS_OF, times.column(0).cast(moment)).append_column(LABEL_END, times.column(1).cast(moment))


def _in_order_of_time(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The rows that have a time, oldest first; all of them, as they are, where the data set has none."""
    import pyarrow.compute as pc

    if not dataset.event_time:
        return table
    table = table.filter(pc.is_valid(table.column(AS_OF)))
    return table.take(pc.sort_indices(table, [(AS_OF, "ascending")])) if table.num_rows else table


def _split(
    model: Model, dataset: Dataset, windows: Windows, key: str | None, table: pa.Table, names: Sequence[str]
) -> tuple[np.ndarray, int, dict[str, Sequence[str]]]:
    import numpy as np

    training = model.training
    if dataset.event_time is None:
        if not isinstance(training.holdout, float):
            raise TrainingSetError(
                f"holdout is {training.holdout}, but {dataset.name} has no event_time.",
                where=f"{model.name}.training.holdout",
                do="Give a share, such as 20%, or declare event_time.",
            )
        assert model.examples is not None
        groups = row_keys(table, training.group_by) if training.group_by else None
        classes = table.column(model.examples.target).to_pylist() if "classification" in model.task else None
        return random_split(names, training.holdout, training.seed, classes=classes, groups=groups), 0, {}
    times = table.column(AS_OF).to_numpy()
    ends = table.column(LABEL_END).to_numpy()
    if windows.calendar is not None and key is not None:
        train, holdout = windows.train_keys(key), windows.holdout_keys(key)
        start, until = _utc(windows.calendar.start_of(holdout[0])), _utc(windows.calendar.end_of(train[-1]))
        sides = np.full(len(times), "", dtype=object)
        sides[times >= start] = HOLDOUT
        sides[times < until] = TRAIN
        return sides, int((sides == "").sum()), {TRAIN: train, HOLDOUT: holdout}
    if not len(times):
        return np.array([], dtype=object), 0, {}
    newest = times.max()
    if isinstance(training.holdout, float):
        first = min(len(times) - 1, int(np.floor((1 - training.holdout) * len(times))))
        cut = times[first]
    else:
        cut = newest - _length(training.holdout) + np.timedelta64(1, "us")
    sides = time_split(times, ends, cut)
    embargoed = int((sides == "").sum())
    if isinstance(training.window, Duration):
        sides[times <= newest - _length(training.window)] = ""
    return sides, embargoed, {}


def _feature(model: Model, dataset: Dataset, name: str, kind: pa.DataType) -> Feature:
    declared = dataset.columns.get(name)
    try:
        return Feature(name, feature_type(kind, category=declared is not None and declared.type == "category"))
    except ValueError as error:
        raise TrainingSetError(
            f"{name}: {error}.", where=f"{model.name}.examples", do=f"Exclude {name}, or declare its type in {dataset.name}."
        ) from None


def _utc(moment: object) -> np.datetime64:
    import pandas as pd

    return pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).to_datetime64()  # type: ignore[arg-type]


def _length(duration: Duration) -> np.timedelta64:
    import numpy as np

    return np.timedelta64(seconds_of(duration), "s")
