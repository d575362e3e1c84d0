"""What an alert rule looks at: one number over the rule's window, with how many samples and how much certainty it has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import nearest
from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.reference import Reference
from mlops_assets.spec.metrics import SERVING, SERVING_METRICS, metric_names

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.durations import Duration
    from mlops_assets.spec.monitor import Alert

    Array = np.ndarray[Any, np.dtype[Any]]

AT, LATENCY_MS, ERROR = "at", "latency_ms", "error"
"""Columns of a table of requests: UTC time, milliseconds, whether it failed."""
LATENCY_US = "__latency_us"
"""Column of the journal's predictions with the microseconds that an answer took."""
RECENT = timedelta(minutes=5)
"""Requests that count where a rule names no window."""
PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
PARTITION_METRICS = tuple(name for name, metric in SERVING.items() if metric.of == "drift")
"""Metrics that the partitions of a model's drift hold."""
CONFIDENCE_Z = 1.96


@dataclass(frozen=True)
class Evidence:
    """One number.

    Attributes:
        value: the number; None where there is none.
        n: samples.
        low, high: its interval at 95 %; None where it has none.
        window: what it covers, as a key: the same window is the same evidence.
        conclusive: False where it must not be acted on; ``detail`` says why.
    """

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    window: str = ""
    conclusive: bool = True
    detail: str = ""


@dataclass(frozen=True)
class Partition:
    """What a monitoring partition holds of one metric: its key, as-of time (UTC), value, rows and whether it is conclusive."""

    key: str
    end: datetime
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    conclusive: bool = True
    detail: str = ""


@dataclass(frozen=True)
class Sources:
    """Where evidence comes from; what is absent gives inconclusive evidence.

    Attributes:
        task: of the model.
        requests: the journal's recent rows: columns :data:`AT`, :data:`LATENCY_MS`, :data:`ERROR`.
        outcomes: labelled predictions of the champion, for metrics of the task over a stretch of time.
        reference: of the champion; needed beside ``outcomes``.
        partitions: by metric, the newest monitoring partitions.
    """

    task: str
    requests: pa.Table | None = None
    outcomes: pa.Table | None = None
    reference: Reference | None = None
    partitions: dict[str, Sequence[Partition]] = field(default_factory=dict)


def request_table(predictions: pa.Table | None, errors: pa.Table | None) -> pa.Table:
    """Requests as rules read them, from a journal's predictions (time, latency) and its errors (time).

    Args:
        predictions: with :data:`PREDICTED_AT` and :data:`LATENCY_US`.
        errors: with :data:`PREDICTED_AT`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = pa.schema([(AT, pa.timestamp("us", "UTC")), (LATENCY_MS, pa.float64()), (ERROR, pa.bool_())])
    parts = [schema.empty_table()]
    for table, failed in ((predictions, False), (errors, True)):
        if table is not None and table.num_rows:
            latency = pa.nulls(table.num_rows, pa.float64())
            if LATENCY_US in table.column_names:
                latency = pc.divide(pc.cast(table.column(LATENCY_US), pa.float64()), 1000.0)
            at = table.column(PREDICTED_AT).cast(schema.field(AT).type)
            parts.append(pa.table([at, latency, pa.array([failed] * table.num_rows)], schema=schema))
    return pa.concat_tables(parts).sort_by(AT)


def evidence_of(rule: Alert, sources: Sources, now: datetime) -> Evidence:
    """The number that a rule is about, at ``now`` (UTC).

    A metric of the task with ``over`` is computed on the labels that became known in that time; without, it is that of the newest
    partition. ``requests`` counts them.

    Raises:
        MonitoringError: for a metric that does not exist.
    """
    window = _window(rule.over, now)
    if rule.metric in PARTITION_METRICS or (rule.metric in metric_names(sources.task) and rule.over is None):
        return _of_partitions(rule, sources.partitions.get(rule.metric, ()), now)
    if rule.metric in metric_names(sources.task):
        return _of_outcomes(rule, sources, now, window)
    if rule.metric in SERVING_METRICS:
        return _of_requests(rule, sources.requests, now, window)
    valid = sorted({*SERVING_METRICS, *metric_names(sources.task)})
    guess = nearest(rule.metric, valid)
    raise MonitoringError(
        f"alert on {rule.metric!r}: there is no such metric.", valid=valid, do=f"Did you mean {guess!r}?" if guess else None
    )


def breach(rule: Alert, evidence: Evidence) -> bool | None:
    """Whether the bound is crossed; None where the evidence does not say."""
    if evidence.value is None or not evidence.conclusive or evidence.n < rule.min_samples or not math.isfinite(evidence.value):
        return None
    if rule.above is not None:
        return evidence.value > float(rule.above)
    assert rule.below is not None
    return evidence.value < float(rule.below)


def _window(over: Duration | None, now: datetime) -> str:
    """Key of the stretch of time, counted in whole ones since 1970, that ``now`` falls into: evidence is new once in each."""
    if over is None:
        return "newest"
    seconds = over.count * 86400 * 30 if over.unit == "month" else over.seconds
    start = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    return f"{start.isoformat(timespec='seconds')}/{over}"


def _since(over: Duration | None, now: datetime) -> datetime:
    return now - RECENT if over is None else over.after(now, -1)


def _of_partitions(rule: Alert, partitions: Sequence[Partition], now: datetime) -> Evidence:
    past = sorted((p for p in partitions if p.end <= now), key=lambda p: (p.end, p.key))
    if rule.over is not None:
        past = [p for p in past if p.end > _since(rule.over, now)]
    if not past:
        return Evidence(None, 0, conclusive=False, detail=f"no partition with {rule.metric}")
    newest = past[-1]
    if rule.over is None or len(past) == 1:
        conclusive = newest.conclusive and newest.value is not None
        return Evidence(newest.value, newest.n, newest.low, newest.high, newest.key, conclusive, newest.detail)
    known = [p for p in past if p.value is not None and p.conclusive]
    if not known:
        return Evidence(
            None, sum(p.n for p in past), window=newest.key, conclusive=False, detail=newest.detail or "all partitions are inconclusive"
        )
    values = [p.value for p in known if p.value is not None]
    return Evidence(_aggregate(values, rule.aggregate or "mean"), sum(p.n for p in known), window=newest.key)


def _of_requests(rule: Alert, requests: pa.Table | None, now: datetime, window: str) -> Evidence:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if requests is None:
        return Evidence(None, 0, window=window, conclusive=False, detail="there is no journal")
    start = pa.scalar(_since(rule.over, now), pa.timestamp("us", "UTC"))
    end = pa.scalar(now, pa.timestamp("us", "UTC"))
    at = requests.column(AT)
    rows = requests.filter(pc.and_(pc.greater(at, start), pc.less_equal(at, end)))
    n = rows.num_rows
    if rule.metric == "requests":
        return Evidence(float(n), max(n, rule.min_samples), window=window)
    if n == 0:
        return Evidence(None, 0, window=window, conclusive=False, detail="no requests")
    if rule.metric == "error_rate":
        from mlops_assets.modeling.calibration import wilson

        rate = int(pc.sum(pc.cast(rows.column(ERROR), pa.int64())).as_py() or 0) / n
        return Evidence(rate, n, *wilson(rate, n), window)
    values = rows.column(LATENCY_MS).drop_null().to_numpy()
    if not len(values):
        return Evidence(None, n, window=window, conclusive=False, detail="no latency was recorded")
    how = rule.aggregate or SERVING[rule.metric].aggregate or "mean"
    value = _aggregate(values, how)
    low: float | None = None
    high: float | None = None
    if how == "mean" and len(values) > 1:
        half = CONFIDENCE_Z * float(np.std(values, ddof=1)) / math.sqrt(len(values))
        low, high = value - half, value + half
    elif how in PERCENTILES:
        low, high = _rank_interval(np.sort(values), PERCENTILES[how])
    return Evidence(value, len(values), low, high, window)


def _of_outcomes(rule: Alert, sources: Sources, now: datetime, window: str) -> Evidence:
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.modeling.bootstrap import choose_blocks, draw, effective_n, interval
    from mlops_assets.modeling.metrics import metric_of
    from mlops_assets.modeling.metrics.pointwise import pointwise_loss
    from mlops_assets.monitoring.performance import labelled_rows

    if sources.outcomes is None or sources.reference is None:
        return Evidence(None, 0, window=window, conclusive=False, detail="no outcomes yet")
    known = sources.outcomes.column(KNOWN_AT)
    start, end = (pa.scalar(t, pa.timestamp("us", "UTC")) for t in (_since(rule.over, now), now))
    inside = pc.fill_null(pc.and_(pc.greater(known, start), pc.less_equal(known, end)), False)
    y, score, rows = labelled_rows(sources.reference, sources.outcomes.filter(inside))
    if not len(y):
        return Evidence(None, 0, window=window, conclusive=False, detail="no label became known")
    entity = [column for column in sources.reference.entity if column in rows.column_names]
    blocks = choose_blocks(rows.select(entity).to_pandas() if entity else None, None, len(y))
    metric = metric_of(rule.metric, sources.task)
    found = draw({metric.name: metric.prepare(y, score)}, blocks, seed=7)[metric.name]
    measured = interval(found, blocks, effective_n(blocks, pointwise_loss(y, score, sources.task)))
    if math.isnan(measured.value):
        return Evidence(None, len(y), window=window, conclusive=False, detail=f"{metric.name} has no value on {len(y)} labels")
    return Evidence(measured.value, len(y), measured.low, measured.high, window)


def _aggregate(values: Any, how: str) -> float:
    import numpy as np

    if how == "mean":
        return float(np.mean(values))
    return float(np.max(values)) if how == "max" else float(np.quantile(values, PERCENTILES[how]))


def _rank_interval(ranked: Array, share: float) -> tuple[float | None, float | None]:
    """Order statistics that hold a quantile with 95 %, by the binomial of rows below it; None where there are too few rows."""
    from scipy.stats import binom

    n = len(ranked)
    low, high = int(binom.ppf(0.025, n, share)) - 1, int(binom.ppf(0.975, n, share))
    return (float(ranked[low]) if low >= 0 else None), (float(ranked[high]) if high < n else None)
