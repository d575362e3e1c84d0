"""The metrics: which tasks have each, which way it is better and what it is called elsewhere; and what is measured while a model serves.

:data:`METRICS` is the table of all that there are. A metric is its row here, and its formula in the file of its task in
``modeling/metrics``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mlops_assets.spec.tasks import TASKS, Task


@dataclass(frozen=True)
class MetricRow:
    """One metric of the table.

    Attributes:
        name: what definitions and reports call it.
        places: tasks that have it, each with its place in the list of the task's metrics, from 1.
        better: when it is greater, when it is smaller, or the nearer it is to zero: then it is compared by its absolute value, and a search
            cannot optimise it.
        bounded: whether it lives on a fixed scale: a margin is a difference there, and a share of the reference everywhere else.
        main_of: tasks for which it decides unless the spec names another.
        other_names: what it is called elsewhere, or what it is the nearest to.
        undefined: when rows give it no value, and what to look at then; empty where too few rows are the only reason.
    """

    name: str
    places: Mapping[Task, int]
    better: Literal["greater", "smaller", "zero"]
    bounded: bool = False
    main_of: tuple[Task, ...] = ()
    other_names: tuple[str, ...] = ()
    undefined: str = ""


def _binary(place: int) -> dict[Task, int]:
    return {"binary_classification": place}


def _multiclass(place: int) -> dict[Task, int]:
    return {"multiclass_classification": place}


def _number(place: int) -> dict[Task, int]:
    return {"regression": place, "forecasting": place}


_TABLE = (
    MetricRow("roc_auc", _binary(1), "greater", bounded=True, main_of=("binary_classification",), other_names=("auc", "auroc")),
    MetricRow("pr_auc", _binary(2), "greater", bounded=True, other_names=("average_precision", "auprc")),
    MetricRow(
        "log_loss",
        _binary(3) | _multiclass(4),
        "smaller",
        main_of=("multiclass_classification",),
        other_names=("logloss", "cross_entropy"),
    ),
    MetricRow("brier", _binary(4), "smaller", bounded=True, other_names=("brier_score",)),
    MetricRow("accuracy", _binary(5) | _multiclass(1), "greater", bounded=True),
    MetricRow("precision", _binary(6), "greater", bounded=True),
    MetricRow("recall", _binary(7), "greater", bounded=True),
    MetricRow("f1", _binary(8), "greater", bounded=True, other_names=("f1_score",)),
    MetricRow("balanced_accuracy", _binary(9) | _multiclass(2), "greater", bounded=True),
    MetricRow("f1_macro", _multiclass(3), "greater", bounded=True, other_names=("macro_f1",)),
    MetricRow("roc_auc_ovr", _multiclass(5), "greater", bounded=True),
    MetricRow("rmse", _number(1), "smaller", main_of=("regression", "forecasting"), other_names=("mse", "root_mean_squared_error")),
    MetricRow("mae", _number(2), "smaller", other_names=("mean_absolute_error",)),
    MetricRow("r2", _number(3), "greater", bounded=True, other_names=("r_squared",)),
    MetricRow("median_ae", _number(4), "smaller"),
    MetricRow("mape", _number(5), "smaller", undefined="where a target is 0 there is no share of it; wape has a value then"),
    MetricRow("bias", _number(6), "zero"),
    MetricRow("wape", _number(7), "smaller", other_names=("wmape",), undefined="all targets are 0"),
)

METRICS: dict[str, MetricRow] = {row.name: row for row in _TABLE}
"""Every metric by its name."""

TASK_METRICS: dict[str, tuple[str, ...]] = {
    task: tuple(row.name for row in sorted((r for r in _TABLE if task in r.places), key=lambda r: r.places[task])) for task in TASKS
}
"""Valid metric names, by task."""

MAIN_METRIC: dict[str, str] = {task: row.name for row in _TABLE for task in row.main_of}
"""The metric that decides unless the spec names another, by task."""

GREATER_IS_BETTER: dict[str, bool] = {row.name: row.better == "greater" for row in _TABLE}
"""Which way is better; one of :data:`SIGNED` is better the nearer it is to zero."""

BOUNDED = frozenset(row.name for row in _TABLE if row.bounded)
SIGNED = frozenset(row.name for row in _TABLE if row.better == "zero")

WITH_ONE_CLASS = ("log_loss", "brier", "accuracy")
"""Metrics of classification that have a value where only one class occurs, in the order in which they stand in for one that has none."""

OTHER_NAMES: dict[str, str] = {other: row.name for row in _TABLE for other in row.other_names}
"""What metrics are called elsewhere -> the nearest one here."""


@dataclass(frozen=True)
class ServingMetric:
    """Something that is measured of a model while it serves.

    Attributes:
        name: what alerts and rollouts call it.
        of: what it is a number of: the requests of a stretch of time, or a partition of the model's drift.
        aggregate: how its values become one number, where its name says so.
    """

    name: str
    of: Literal["requests", "drift"]
    aggregate: Literal["p50", "p95", "p99"] | None = None


SERVING: dict[str, ServingMetric] = {
    row.name: row
    for row in (
        ServingMetric("error_rate", "requests"),
        ServingMetric("latency_ms", "requests"),
        ServingMetric("latency_p50_ms", "requests", "p50"),
        ServingMetric("latency_p95_ms", "requests", "p95"),
        ServingMetric("latency_p99_ms", "requests", "p99"),
        ServingMetric("score_psi", "drift"),
        ServingMetric("score_drift", "drift"),
        ServingMetric("drift_score", "drift"),
        ServingMetric("requests", "requests"),
    )
}
"""Metrics of a serving model that alerts and rollouts may name beside those of its task."""

SERVING_METRICS = tuple(SERVING)


def stand_ins(task: str) -> tuple[str, ...]:
    """Metrics that stand in for one of ``task`` that has no value on rows of one class; none for numbers."""
    return tuple(name for name in WITH_ONE_CLASS if name in metric_names(task))


def metric_names(task: str) -> tuple[str, ...]:
    """Metrics that a model of this task may name; empty for an unknown task."""
    return TASK_METRICS.get(task, ())
