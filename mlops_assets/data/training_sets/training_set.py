"""Training sets: rows with features, target, side of the split and provenance, stored once per model and as-of partition.

The stored table has the entity, the features and carried columns under their plain names, and the reserved columns
``__as_of`` and ``__label_end`` (UTC; null where undated), ``__split``, ``__target`` and, where examples are weighed,
``__weight``. Its manifest names every version that was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mlops_assets.data.features.table import Feature
from mlops_assets.data.training_sets.positive import positive_class
from mlops_assets.data.training_sets.rows import (
    AS_OF,
    LABEL_END,
    SPLIT,
    TARGET,
    WEIGHT,
    TrainingRows,
    TrainingSetError,
    immature_rows,
    overlapping_rows,
    seconds_of,
    weights_column,
)
from mlops_assets.data.training_sets.split import DROPPED, HOLDOUT, TRAIN, Side, drop_shared_groups, row_keys
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.model import Model
from mlops_assets.spec.training import HalfLife

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.store import Manifest, Store

__all__ = ["TrainingSet", "TrainingSetError", "build_training_set", "load_training_set", "training_set_asset"]


@dataclass(frozen=True)
class TrainingSet:
    """A stored training set. ``facts`` is what the manifest records about it; rows are in order of as-of time, then entity."""

    manifest: Manifest
    table: pa.Table
    facts: Mapping[str, Any]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """Model inputs in order."""
        return tuple(Feature(feature["name"], feature["type"]) for feature in self.facts["features"])

    @property
    def target(self) -> str:
        """Name of the target; its values are in ``__target``."""
        return str(self.facts["target"])

    @property
    def entity(self) -> tuple[str, ...]:
        """Key columns; empty where rows have no key."""
        return tuple(self.facts["entity"])

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns that are kept for slices, groups or weights and are no features."""
        return tuple(self.facts["carried"])

    def split(self, name: Side) -> pa.Table:
        """Rows of one side, ``train`` or ``holdout``, in stored order."""
        import pyarrow.compute as pc

        if name not in (TRAIN, HOLDOUT):
            raise ValueError(f"{name!r} is no side of the split; valid are {TRAIN!r} and {HOLDOUT!r}")
        return self.table.filter(pc.equal(self.table.column(SPLIT), name))


def training_set_asset(model: Model) -> str:
    """Name of the asset in the store."""
    return f"{model.name}/training_set"


def build_training_set(
    model: Model,
    catalogue: Catalogue,
    key: str | None,
    store: Store,
    *,
    sample: float = 1.0,
    memory_limit: str | None = None,
    folder: str | None = None,
) -> TrainingSet:
    """Make and store the training set of ``model`` at as-of partition ``key`` (None: undated).

    Args:
        model: what to learn.
        catalogue: its views and data sets.
        key: partition of the model's calendar.
        store: where data and features are read and the training set goes.
        sample: share of entities (of rows without a key) to keep, the same ones every time.
        memory_limit: DuckDB's memory, such as ``2GB``.
        folder: for temporary files; None: the system's.

    Raises:
        TrainingSetError: too short a history, unknown columns, or an empty side of the split.
        MissingPartitionsError: partitions that the window needs are not in the store.
        LabelError, FeatureError, SandboxError: a query gives what cannot be used.
    """
    if not 0 < sample <= 1:
        raise TrainingSetError(f"sample is {sample}.", where=model.name, valid=("a share above 0, up to 1",))
    if model.examples is not None:
        from mlops_assets.data.training_sets.examples_form import example_rows

        rows = example_rows(model, catalogue, key, store, sample=sample)
    else:
        from mlops_assets.data.training_sets.point_in_time import point_in_time_rows

        if key is None:
            raise TrainingSetError("it has partitions.", where=model.name, do="Name the as-of partition.")
        rows = point_in_time_rows(model, catalogue, key, store, sample=sample, memory_limit=memory_limit, folder=folder)
    return _stored(model, key, rows, store, sample)


def load_training_set(manifest: Manifest, store: Store) -> TrainingSet:
    """The training set that a manifest describes, with every byte checked."""
    return TrainingSet(manifest, store.read(manifest), manifest.facts)


def _stored(model: Model, key: str | None, rows: TrainingRows, store: Store, sample: float) -> TrainingSet:
    import pyarrow as pa

    sides, dropped = rows.sides, dict(rows.dropped)
    if model.training.group_by and len(sides):
        sides, shared = drop_shared_groups(sides, row_keys(rows.table, model.training.group_by))
        if shared:
            dropped["group in the holdout"] = shared
    used = sides != DROPPED
    table = rows.table.filter(pa.array(used, pa.bool_())).append_column(SPLIT, pa.array(sides[used].tolist(), pa.string()))
    counts = {side: int((sides == side).sum()) for side in (TRAIN, HOLDOUT)}
    where = model.name if key is None else f"{model.name}@{key}"
    for side, count in counts.items():
        if not count:
            left_out = ", ".join(f"{n:,} {reason}" for reason, n in sorted(dropped.items()))
            why = f"; left out: {left_out}" if left_out else ""
            raise TrainingSetError(
                f"the {side} side of the split has no rows{why}.",
                where=where,
                do="Look at the data, the window, the holdout and the label.",
            )
    weights = _weights(model, table)
    if weights is not None:
        table = table.append_column(WEIGHT, weights)
    names = [*rows.entity, *(f.name for f in rows.features), *rows.carried]
    tail = [AS_OF, LABEL_END, SPLIT, TARGET, *([WEIGHT] if weights is not None else [])]
    table = table.select([*dict.fromkeys(names), *tail]).combine_chunks()
    facts = {
        "features": [feature.to_json() for feature in rows.features],
        "carried": list(rows.carried),
        "target": rows.target,
        "entity": list(rows.entity),
        "rows": {**counts, "embargoed": rows.embargoed},
        "as_of": {
            "first": _edge(table, 0),
            "last": _edge(table, -1),
            "train": list(rows.keys.get(TRAIN, ())),
            "holdout": list(rows.keys.get(HOLDOUT, ())),
        },
        "horizon": _horizon(model),
        "base_rate": {side: _base_rate(model, table, side) for side in (TRAIN, HOLDOUT)},
        "sample": sample,
        "dropped": dict(sorted(dropped.items())),
        "immature": immature_rows(table, rows.final_by),
        "overlap": overlapping_rows(table, rows.entity),
        **rows.facts,
    }
    manifest = store.write(training_set_asset(model), key, table, inputs=rows.inputs, facts=facts)
    return TrainingSet(manifest, table, manifest.facts)


def _weights(model: Model, table: pa.Table) -> pa.Array | None:
    """Weight of each row: a column's value, or ``2 ** (-age / half_life)`` with the newest training row's age as zero."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = weights_column(model)
    if column is not None:
        values = table.column(column if column in table.column_names else column.rpartition(".")[2])
        if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
            raise TrainingSetError(f"weights names {column!r}, which is {values.type}, not a number.", where=model.name)
        values = values.cast(pa.float64())
        if values.null_count or (pc.min(values).as_py() or 0) < 0:
            raise TrainingSetError(f"the weights in {column!r} are missing or negative in some rows.", where=model.name)
        return values.combine_chunks()
    if not isinstance(model.training.weights, HalfLife):
        return None
    times = table.column(AS_OF)
    if times.null_count:
        raise TrainingSetError("weights with a half-life need dated examples.", where=f"{model.name}.training.weights")
    moments: np.ndarray = times.to_numpy()
    train = np.asarray(table.column(SPLIT).to_pylist()) == TRAIN
    age = (moments[train].max() - moments) / np.timedelta64(1, "s")
    return pa.array(np.where(train, 0.5 ** (age / seconds_of(model.training.weights.half_life)), 1.0), pa.float64())


def _edge(table: pa.Table, row: int) -> str | None:
    moment = table.column(AS_OF)[row].as_py()
    return None if moment is None else str(moment.isoformat())


def _horizon(model: Model) -> str | None:
    if model.label is not None:
        return str(model.label.horizon)
    delay = model.examples.label_delay if model.examples else None
    return None if delay is None else str(delay)


def _base_rate(model: Model, table: pa.Table, side: str) -> float | dict[str, float]:
    """Mean of a number, share of the positive class, or share of each class."""
    import pyarrow as pa
    import pyarrow.compute as pc

    target = table.filter(pc.equal(table.column(SPLIT), side)).column(TARGET)
    number = not (pa.types.is_string(target.type) or pa.types.is_dictionary(target.type))
    if model.task == "binary_classification" and model.positive is not None:
        classes = pc.unique(table.column(TARGET)).drop_null().to_pylist()
        chosen = positive_class(classes, model.positive)
        hits = sum(value == chosen for value in target.to_pylist())
        return float(hits / len(target))
    if number and model.task != "multiclass_classification":
        return float(pc.mean(target.cast(pa.float64())).as_py())
    shares: dict[str, float] = {}
    for entry in pc.value_counts(target.combine_chunks()).to_pylist():
        shares[str(entry["values"])] = entry["counts"] / len(target)
    return dict(sorted(shares.items()))
