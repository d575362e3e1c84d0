"""What a model is held against while it serves: sketches of the rows that it learned from and of its score and label on the holdout.

Built once, when the model is judged; a JSON document of bounded size that holds no row. Features are sketched over training and
holdout rows together; the score and the label over the holdout alone, since a model scores the rows that it learned from too well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.columns import AS_OF, SCORE, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column, sketch_table

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.store import Store
    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.evaluation import Evaluation

    Array = np.ndarray[Any, np.dtype[Any]]

KIND = "sketches"
SCHEMA = 1


@dataclass(frozen=True)
class Reference:
    """The reference of one bundle.

    Attributes:
        model: name of the model.
        bundle: digest of the bundle.
        task: its task.
        classes: values of the target in the order of the probabilities; empty for regression.
        rows: rows that the features were sketched over.
        rows_effective: independent rows among them: distinct entities where rows repeat an entity.
        entity: key columns.
        columns: sketches of the features, in the order of the signature.
        score: sketches of the score on the holdout: one, or one of each class.
        label: sketch of the target on the holdout.
        importance: share of each feature in the model's decisions; empty where it is not known.
        metrics: numbers of the evaluation at the gate by metric: ``{"value", "interval", "n", …}``.
        estimator: what estimates performance without labels, see :mod:`mlops_assets.monitoring.estimator`; None: it cannot be estimated.
        as_of: newest as-of time of the rows, ISO 8601; None where undated.
    """

    model: str
    bundle: str
    task: str
    classes: tuple[Any, ...]
    rows: int
    rows_effective: int
    entity: tuple[str, ...]
    columns: tuple[ColumnSketch, ...]
    score: tuple[ColumnSketch, ...]
    label: ColumnSketch
    importance: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    estimator: Mapping[str, Any] | None = None
    as_of: str | None = None

    def column(self, name: str) -> ColumnSketch:
        """The sketch of a feature."""
        for column in self.columns:
            if column.name == name:
                return column
        raise MonitoringError(f"the reference has no column {name!r}.", valid=[column.name for column in self.columns])

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "schema": SCHEMA,
            "model": self.model,
            "bundle": self.bundle,
            "task": self.task,
            "classes": list(self.classes),
            "rows": self.rows,
            "rows_effective": self.rows_effective,
            "entity": list(self.entity),
            "columns": [column.to_json() for column in self.columns],
            "score": [column.to_json() for column in self.score],
            "label": self.label.to_json(),
            "importance": dict(self.importance),
            "metrics": dict(self.metrics),
            "estimator": None if self.estimator is None else dict(self.estimator),
            "as_of": self.as_of,
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Reference:
        """Inverse of :meth:`to_json`; keys that a later version added are passed over."""
        return cls(
            body["model"],
            body["bundle"],
            body["task"],
            tuple(body["classes"]),
            body["rows"],
            body["rows_effective"],
            tuple(body["entity"]),
            tuple(ColumnSketch.from_json(column) for column in body["columns"]),
            tuple(ColumnSketch.from_json(column) for column in body["score"]),
            ColumnSketch.from_json(body["label"]),
            body["importance"],
            body["metrics"],
            body["estimator"],
            body["as_of"],
        )


def build_reference(bundle: Bundle, training_set: TrainingSet, evaluation: Evaluation | None = None, *, estimate: bool = True) -> Reference:
    """Sketch what ``bundle`` learned from and how it scores its holdout.

    Args:
        bundle: the model.
        training_set: the rows that it was trained and judged on.
        evaluation: its evaluation, whose numbers performance is later compared with.
        estimate: also learn what estimates performance before labels arrive.
    """
    import pyarrow as pa

    from mlops_assets.modeling.holdout import code_target, predict
    from mlops_assets.monitoring.estimator import fit_estimator

    holdout = training_set.split("holdout").to_pandas()
    holdout = holdout[holdout[TARGET].notna()].reset_index(drop=True)
    prediction = predict(bundle, holdout)
    features = [(feature.name, str(feature.type)) for feature in bundle.signature.features]
    outcomes = code_target(holdout[TARGET], bundle.target)
    return Reference(
        model=bundle.provenance.model,
        bundle=bundle.digest,
        task=bundle.task,
        classes=tuple(bundle.classes),
        rows=training_set.table.num_rows,
        rows_effective=independent_rows(training_set.table, training_set.entity),
        entity=tuple(training_set.entity),
        columns=sketch_table(training_set.table, features),
        score=sketch_score(prediction, bundle.classes),
        label=sketch_column(TARGET, "float64" if bundle.task == "regression" else "category", pa.array(holdout[TARGET])),
        importance=_importance(bundle),
        metrics=dict(evaluation.metrics) if evaluation is not None else {},
        estimator=fit_estimator(bundle, holdout, prediction, outcomes) if estimate else None,
        as_of=_newest(training_set.table),
    )


def sketch_score(prediction: Array, classes: Sequence[Any] = (), *, exact: bool = False) -> tuple[ColumnSketch, ...]:
    """Sketches of a score ``(n,)``, or of each class's probability ``(n, k)``."""
    import pyarrow as pa

    if prediction.ndim == 1:
        return (sketch_column(SCORE, "float64", pa.array(prediction), exact=exact),)
    names = [f"{SCORE}.{label}" for label in classes] or [f"{SCORE}.{place}" for place in range(prediction.shape[1])]
    return tuple(sketch_column(name, "float64", pa.array(prediction[:, place].copy()), exact=exact) for place, name in enumerate(names))


def scores_of(table: pa.Table, classes: int = 0) -> Array:
    """The score column of predictions or outcomes: ``(n,)``, or ``(n, classes)`` for a list column; missing ones are NaN."""
    import numpy as np
    import pyarrow as pa

    column = table.column(SCORE).combine_chunks()
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type) or pa.types.is_large_list(column.type):
        rows = [row if row is not None else [np.nan] * classes for row in column.to_pylist()] if column.null_count else None
        flat = np.asarray(rows, float) if rows is not None else column.flatten().to_numpy(zero_copy_only=False).astype(float)
        return flat.reshape(len(column), -1) if len(column) else np.empty((0, classes))
    values: Array = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def independent_rows(table: pa.Table, entity: Sequence[str]) -> int:
    """Rows, or distinct entities where the table has their key: rows of one entity say much the same."""
    keys = [name for name in entity if name in table.column_names]
    if not keys or table.num_rows == 0:
        return int(table.num_rows)
    if len(keys) == 1:
        import pyarrow.compute as pc

        return int(pc.count_distinct(table.column(keys[0]), mode="all").as_py())
    return int(table.select(keys).group_by(keys).aggregate([]).num_rows)


def put_reference(store: Store, reference: Reference) -> str:
    """Store a reference, found again by its bundle; returns the digest of the record."""
    digest = store.put_record(KIND, reference.to_json())
    store.set_pointer(f"{KIND}/{reference.bundle}", {"record": digest})
    return digest


def get_reference(store: Store, bundle: str) -> Reference | None:
    """The reference of a bundle, or None where there is none."""
    pointer = store.get_pointer(f"{KIND}/{bundle}")
    return None if pointer is None else Reference.from_json(store.get_record(KIND, pointer["record"]))


def _importance(bundle: Bundle) -> dict[str, float]:
    found = dict(bundle.importance())
    total = sum(abs(value) for value in found.values())
    return {name: abs(value) / total for name, value in sorted(found.items())} if total else {}


def _newest(table: pa.Table) -> str | None:
    import pyarrow.compute as pc

    if AS_OF not in table.column_names:
        return None
    newest = pc.max(table.column(AS_OF)).as_py()
    return None if newest is None else newest.isoformat()
