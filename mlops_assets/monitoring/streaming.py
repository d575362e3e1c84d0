"""Performance of any number of outcomes in bounded memory.

Rows are added up in :data:`BLOCKS` blocks by a hash of their entity (of their id, where they have none): sums of losses, and a histogram of
the score by outcome. Blocks are then drawn as in :mod:`mlops_assets.modeling.bootstrap`, so that intervals are honest about rows of one
entity. Sums are exact; areas under curves are those of a score rounded to ``1 / BINS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.columns import PREDICTION_ID, SCORE, TARGET
from mlops_assets.monitoring.outcomes import Coverage
from mlops_assets.monitoring.performance import Performance, judge_performance
from mlops_assets.monitoring.reference import Reference, scores_of
from mlops_assets.monitoring.sql import columns_of, connect, listed, quoted_name, quoted_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.modeling.bootstrap import Interval
    from mlops_assets.modeling.metrics.statistic import Statistic
    from mlops_assets.spec.monitor import PerformanceRule

    Array = np.ndarray[Any, np.dtype[Any]]

BLOCKS = 200
BINS = 1_000
BATCH = 500_000


@dataclass(frozen=True)
class Totals:
    """What is kept of the rows: ``sums (blocks, m)`` of losses by name, and ``histogram (blocks, 2, bins)`` of scores by outcome."""

    names: tuple[str, ...]
    sums: Array
    histogram: Array | None

    def __add__(self, other: Totals) -> Totals:
        both = None if self.histogram is None or other.histogram is None else self.histogram + other.histogram
        return Totals(self.names, self.sums + other.sums, both)


def measure_performance_files(
    reference: Reference,
    files: Sequence[str | Path],
    coverage: Coverage,
    rule: PerformanceRule,
    *,
    metric: str,
    tolerated: float = 0.0,
    seed: int = 7,
    memory_limit: str = "1GB",
) -> Performance:
    """Like :func:`mlops_assets.monitoring.performance.measure_performance`, for Parquet files of outcomes of any size."""
    name = rule.metric or metric
    total: Totals | None = None
    for rows in _batches(reference, files, memory_limit):
        found = _totals(reference, rows)
        total = found if total is None else total + found
    if total is None or not total.sums[:, 0].sum():
        return judge_performance(reference, {}, coverage, rule, name, tolerated, None)
    rate = None
    if reference.task != "multiclass_classification":
        rate = float(total.sums[:, total.names.index("y")].sum() / total.sums[:, 0].sum())
    return judge_performance(reference, _intervals(reference, total, seed), coverage, rule, name, tolerated, rate)


def _batches(reference: Reference, files: Sequence[str | Path], memory_limit: str) -> Iterator[pa.Table]:
    """Labelled rows with their block, a batch at a time."""
    import pyarrow as pa

    with closing(connect(memory_limit)) as connection:
        for file in files:
            connection.execute(f"create or replace view outcome_file as select * from read_parquet({quoted_text(str(file))})")
            present = columns_of(connection, "outcome_file")
            keys = [column for column in reference.entity if column in present] or [PREDICTION_ID]
            query = (
                f"select (hash({listed(keys)}) % {BLOCKS})::usmallint as __block, {listed([SCORE, TARGET])} from outcome_file "
                f"where {quoted_name(TARGET)} is not null and {quoted_name(SCORE)} is not null"
            )
            reader: pa.RecordBatchReader = connection.sql(query).to_arrow_reader(BATCH)
            for batch in reader:
                yield pa.Table.from_batches([batch])


def _totals(reference: Reference, rows: pa.Table) -> Totals:
    import numpy as np

    score = scores_of(rows, len(reference.classes))
    y, block = _coded(reference, rows), rows.column("__block").to_numpy().astype(np.int64)
    known = np.isfinite(score) if score.ndim == 1 else np.isfinite(score).all(axis=1)
    score, y, block = score[known], y[known], block[known]
    losses = _LOSSES[reference.task](y, score)
    sums = np.stack([np.bincount(block, weights=values, minlength=BLOCKS) for values in losses.values()], axis=1)
    histogram = None
    if reference.task == "binary_classification":
        place = np.clip((score * BINS).astype(np.int64), 0, BINS - 1)
        cells = (block * 2 + (y == 1)) * BINS + place
        histogram = np.bincount(cells, minlength=BLOCKS * 2 * BINS).reshape(BLOCKS, 2, BINS).astype(float)
    return Totals(tuple(losses), sums, histogram)


def _coded(reference: Reference, rows: pa.Table) -> Array:
    """Outcomes as codes; like :func:`mlops_assets.modeling.holdout.code_target`, for many rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    target = rows.column(TARGET)
    if not reference.classes:
        numbers: Array = target.cast(pa.float64()).to_numpy()
        return numbers
    codes = np.full(rows.num_rows, -1 if len(reference.classes) > 2 else 0)
    for code, value in enumerate(reference.classes):
        try:
            same = pc.equal(target, pa.scalar(value).cast(target.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
        codes[pc.fill_null(same, False).to_numpy()] = code
    return codes


def _binary(y: Array, score: Array) -> dict[str, Array]:
    import numpy as np

    from mlops_assets.modeling.metrics.pointwise import LOG_FLOOR

    hit, called = y == 1, score >= 0.5
    loss = np.square(score - y)
    return {
        "n": np.ones(len(y)),
        "loss": loss,
        "loss_squared": np.square(loss),
        "y": hit.astype(float),
        "brier": loss,
        "log_loss": -np.log(np.clip(np.where(hit, score, 1 - score), LOG_FLOOR, 1)),
        "tp": (hit & called).astype(float),
        "fp": (~hit & called).astype(float),
        "fn": (hit & ~called).astype(float),
    }


def _multiclass(y: Array, score: Array) -> dict[str, Array]:
    import numpy as np

    from mlops_assets.modeling.metrics.pointwise import LOG_FLOOR, probability_of_outcome

    chance = probability_of_outcome(y, score)
    return {
        "n": np.ones(len(y)),
        "loss": 1 - chance,
        "loss_squared": np.square(1 - chance),
        "accuracy": (score.argmax(axis=1) == y).astype(float),
        "log_loss": -np.log(np.clip(chance, LOG_FLOOR, 1)),
    }


def _regression(y: Array, score: Array) -> dict[str, Array]:
    import numpy as np

    off = score - y
    return {
        "n": np.ones(len(y)),
        "loss": np.square(off),
        "loss_squared": np.square(np.square(off)),
        "y": y,
        "bias": off,
        "mae": np.abs(off),
        "mape": np.abs(off) / np.where(y == 0, 1.0, np.abs(y)),
        "zeros": (y == 0).astype(float),
        "size": np.abs(y),
        "yy": np.square(y),
    }


_LOSSES: dict[str, Callable[[Array, Array], dict[str, Array]]] = {
    "binary_classification": _binary,
    "multiclass_classification": _multiclass,
    "regression": _regression,
}


def _intervals(reference: Reference, total: Totals, seed: int) -> dict[str, Interval]:
    import numpy as np

    from mlops_assets.modeling.bootstrap import Blocks, draw, interval

    used = total.sums[:, 0] > 0
    sums, blocks = total.sums[used], Blocks(np.arange(int(used.sum())), int(used.sum()), "entity")
    histogram = None if total.histogram is None else total.histogram[used]
    n = int(sums[:, 0].sum())
    worth = _worth({name: sums[:, place] for place, name in enumerate(total.names)}, n) if reference.entity else float(n)
    draws = draw(_statistics(reference.task, total.names, sums, histogram), blocks, seed=seed, resamples=500)
    return {name: replace(interval(found, blocks, worth), n=n) for name, found in draws.items()}


def _worth(sums: dict[str, Array], n: int) -> float:
    """Effective rows: the variance of the mean loss, were rows independent, by that between blocks; ``n`` at most."""
    import numpy as np

    size, loss = sums["n"], sums["loss"]
    mean = float(loss.sum() / n)
    alone = float(sums["loss_squared"].sum() / n) - mean**2
    between = float(np.square(loss - mean * size).sum() / max(len(size) - 1, 1) * len(size) / n)
    return n * min(1.0, alone / between) if between > 0 else float(n)


def _statistics(task: str, names: tuple[str, ...], sums: Array, histogram: Array | None) -> dict[str, Statistic]:
    import numpy as np

    from mlops_assets.modeling.metrics.statistic import Statistic

    at = {name: place for place, name in enumerate(names)}

    def of(combine: Callable[[dict[str, Array]], Array]) -> Statistic:
        return Statistic(sums, lambda s: combine({name: s[:, place] for name, place in at.items()}))

    if task == "multiclass_classification":
        return {name: of(lambda s, name=name: s[name] / s["n"]) for name in ("accuracy", "log_loss")}  # type: ignore[misc]
    if task == "regression":
        found = {name: of(lambda s, name=name: s[name] / s["n"]) for name in ("mae", "bias")}  # type: ignore[misc]
        found["mape"] = of(lambda s: np.where(s["zeros"] > 0, np.nan, s["mape"] / s["n"]))
        found["wape"] = of(lambda s: s["mae"] / np.where(s["size"] > 0, s["size"], np.nan))
        found["rmse"] = of(lambda s: np.sqrt(s["loss"] / s["n"]))
        found["r2"] = of(lambda s: 1 - s["loss"] / (s["yy"] - np.square(s["y"]) / s["n"]))
        return found
    assert histogram is not None
    flat = histogram.reshape(len(histogram), -1)
    return {
        "roc_auc": Statistic(over=lambda w: _roc_auc((w.astype(float) @ flat).reshape(len(w), 2, BINS))),
        "pr_auc": Statistic(over=lambda w: _pr_auc((w.astype(float) @ flat).reshape(len(w), 2, BINS))),
        "log_loss": of(lambda s: s["log_loss"] / s["n"]),
        "brier": of(lambda s: s["brier"] / s["n"]),
        "accuracy": of(lambda s: 1 - (s["fp"] + s["fn"]) / s["n"]),
        "precision": of(lambda s: s["tp"] / np.maximum(s["tp"] + s["fp"], 1e-15)),
        "recall": of(lambda s: s["tp"] / s["y"]),
        "f1": of(lambda s: 2 * s["tp"] / (2 * s["tp"] + s["fp"] + s["fn"])),
        "balanced_accuracy": of(lambda s: (s["tp"] / s["y"] + 1 - s["fp"] / (s["n"] - s["y"])) / 2),
    }


def _roc_auc(counts: Array) -> Array:
    import numpy as np

    negative, positive = counts[:, 0], counts[:, 1]
    below = np.cumsum(negative, axis=1) - negative / 2
    area: Array = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
    return area


def _pr_auc(counts: Array) -> Array:
    import numpy as np

    falling = counts[:, :, ::-1]
    found = np.cumsum(falling[:, 1], axis=1)
    called = found + np.cumsum(falling[:, 0], axis=1)
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    area: Array = (falling[:, 1] * precision).sum(axis=1) / found[:, -1]
    return area
