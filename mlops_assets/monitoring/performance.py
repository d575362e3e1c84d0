"""Measured performance: the metric on matured, labelled predictions, with its interval and its coverage."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.columns import AS_OF, PREDICTED_AT, TARGET
from mlops_assets.monitoring.outcomes import Coverage
from mlops_assets.monitoring.reference import Reference, scores_of
from mlops_assets.spec.metrics import stand_ins

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.modeling.bootstrap import Interval
    from mlops_assets.spec.metrics import MetricRow
    from mlops_assets.spec.monitor import PerformanceRule

    Array = np.ndarray[Any, np.dtype[Any]]

WIDEST = 0.2
"""An interval wider than this (for metrics without a fixed scale: than this share of the value at the gate, times five) says too little."""


@dataclass(frozen=True)
class Performance:
    """A window's performance.

    Attributes:
        status: ``fail`` where it is worse than at the gate by at least the tolerated drop, and by more than chance; ``pass`` where it
            is not and the interval is narrow enough to say so; else ``inconclusive``, and ``detail`` says why.
        metric: its name; ``value`` with ``low`` and ``high`` its interval at 95 %. On rows of one class, where the wanted metric has
            no value, one that has stands in (:data:`mlops_assets.spec.metrics.WITH_ONE_CLASS`), and ``detail`` says so.
        n: labelled rows; ``n_effective`` independent ones.
        coverage: labelled of matured predictions.
        gate: value at the gate; ``drop`` how far it is worse than that, and ``drop_low`` the lower bound of this at 95 %.
        metrics: every metric of the task with its interval.
        base_rate: share of positives, mean of the target, or None for multiclass tasks.
        covered: whether labels cover as many predictions as the rule asks for.
    """

    status: Literal["pass", "fail", "inconclusive"]
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_effective: float
    coverage: float | None
    counts: Coverage
    gate: float | None
    drop: float | None
    metrics: Mapping[str, Any]
    base_rate: float | None
    covered: bool = False
    detail: str = ""
    drop_low: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "counts": self.counts.to_json(), "metrics": dict(self.metrics)}


def measure_performance(
    reference: Reference,
    outcomes: pa.Table,
    coverage: Coverage,
    rule: PerformanceRule,
    *,
    metric: str,
    tolerated: float = 0.0,
    seed: int = 7,
    asked: Collection[str] = (),
) -> Performance:
    """Measure on outcomes of one version.

    Args:
        reference: of the version.
        outcomes: matured predictions; rows without target are left out.
        coverage: of these predictions.
        rule: the least coverage, and perhaps the metric.
        metric: the model's main metric, where the rule names none.
        tolerated: drop below the gate that is no failure; of a metric without fixed scale that stands in, a share of the gate's value.
        seed: of the bootstrap.
        asked: further metrics that something is decided by; intervals of the others are drawn more coarsely.
    """
    from mlops_assets.modeling.bootstrap import SHOWN_RESAMPLES, Resampling, choose_blocks, draw, effective_n, interval
    from mlops_assets.modeling.metrics import metrics_of
    from mlops_assets.modeling.metrics.pointwise import pointwise_loss

    name = rule.metric or metric
    y, score, labelled = labelled_rows(reference, outcomes)
    entity = [column for column in reference.entity if column in outcomes.column_names]
    time = AS_OF if AS_OF in outcomes.column_names else PREDICTED_AT
    frame = labelled.select([*entity, time]).to_pandas()
    blocks = choose_blocks(frame[entity] if entity else None, frame[time], len(y))
    worth = effective_n(blocks, pointwise_loss(y, score, reference.task)) if len(y) else 0.0
    metrics: dict[str, Interval] = {}
    if len(y):
        resampling, every = Resampling(blocks, seed), metrics_of(reference.task)
        deciding = {name, *asked, *(stand_ins(reference.task) if (y == y[0]).all() else ())}
        for resamples, chosen in ((None, deciding), (SHOWN_RESAMPLES, {m.name for m in every} - deciding)):
            statistics = {m.name: m.prepare(y, score) for m in every if m.name in chosen}
            draws = draw(statistics, blocks, seed=seed, resamples=resamples, resampling=resampling)
            metrics |= {key: interval(found, blocks, worth) for key, found in draws.items()}
        metrics = {m.name: metrics[m.name] for m in every}
    rate = float(y.mean()) if len(y) and reference.task != "multiclass_classification" else None
    return judge_performance(reference, metrics, coverage, rule, name, tolerated, rate)


def judge_performance(
    reference: Reference,
    metrics: Mapping[str, Interval],
    coverage: Coverage,
    rule: PerformanceRule,
    name: str,
    tolerated: float,
    base_rate: float | None,
) -> Performance:
    """Judge numbers that are measured already, as :func:`measure_performance` does."""
    from mlops_assets.modeling.metrics import metric_of

    name, words = _metric_that_exists(name, metrics, reference.task)
    found, at_gate = metrics.get(name), reference.metrics.get(name) or {}
    gate = at_gate.get("value")
    result = Performance(
        status="inconclusive",
        metric=name,
        value=None if found is None or math.isnan(found.value) else found.value,
        low=found.low if found else None,
        high=found.high if found else None,
        n=found.n if found else 0,
        n_effective=found.n_effective if found else 0.0,
        coverage=coverage.share,
        counts=coverage,
        gate=gate,
        drop=None,
        metrics={key: value.to_json() for key, value in metrics.items()},
        base_rate=base_rate,
    )
    if coverage.share is None:
        return replace(result, detail=f"no prediction has matured ({coverage.waiting} are waiting)")
    if found is None or not found.n:
        return replace(result, detail=f"no label for {coverage.matured} matured predictions")
    if coverage.share < rule.min_coverage:
        return replace(result, detail=f"labels for {coverage.share:.1%} of matured predictions, {rule.min_coverage:.0%} are needed")
    result = replace(result, covered=True)
    if result.value is None or found.bounds is None:
        return replace(result, detail=f"{words}{name} has no value or no interval on {found.n} rows")
    if gate is None:
        return replace(result, detail=f"{words}the value of {name} at the gate is not known")
    import numpy as np

    metric = metric_of(name, reference.task)
    drop = -float(metric.improvement(np.asarray(result.value), np.asarray(gate)))
    bounds = at_gate.get("interval")
    half, half_gate = (found.bounds[1] - found.bounds[0]) / 2, (bounds[1] - bounds[0]) / 2 if bounds else 0.0
    least = drop - math.hypot(half, half_gate)
    result = replace(result, drop=drop, drop_low=least)
    if words:
        tolerated = tolerated_by(metric.row, tolerated, gate)
    said = f"{words}{result.value:.4g} against {gate:.4g} at the gate"
    if drop > 0 and drop >= tolerated:
        if least > 0:
            return replace(result, status="fail", detail=f"{said}: worse by {drop:.4g}")
        if tolerated > 0:
            return replace(result, detail=f"{said}: worse by {drop:.4g}, which may be chance")
    widest = WIDEST if metric.row.bounded else 5 * WIDEST * abs(gate)
    if 2 * half > widest:
        return replace(result, detail=f"{said}, but the interval is {2 * half:.3g} wide")
    return replace(result, status="pass", detail=said)


def tolerated_by(metric: MetricRow, drop: float, gate: float) -> float:
    """A tolerated drop that was declared for another metric: the same on a fixed scale, else a share of the value at the gate."""
    return drop if metric.bounded else drop * abs(gate)


def _metric_that_exists(name: str, metrics: Mapping[str, Interval], task: str) -> tuple[str, str]:
    """The metric, or on rows of one class the first that has a value there, and that in words."""
    if name in metrics and metrics[name].n and math.isnan(metrics[name].value):
        for other in stand_ins(task):
            if other in metrics and math.isfinite(metrics[other].value):
                return other, f"one class only: compared by {other}; "
    return name, ""


def labelled_rows(reference: Reference, outcomes: pa.Table) -> tuple[Array, Array, pa.Table]:
    """Coded outcomes ``(n,)``, predictions and the rows themselves, of the outcomes that have a target and a score."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.modeling.holdout import code_target
    from mlops_assets.modeling.target import Target

    rows = outcomes.filter(pc.is_valid(outcomes.column(TARGET)))
    score = scores_of(rows, len(reference.classes))
    known = np.isfinite(score) if score.ndim == 1 else np.isfinite(score).all(axis=1)
    rows, score = rows.filter(pa.array(known, pa.bool_())), score[known]
    if not rows.num_rows:
        return np.empty(0), score, rows
    return code_target(rows.column(TARGET).to_pandas(), Target(reference.task, tuple(reference.classes))), score, rows
