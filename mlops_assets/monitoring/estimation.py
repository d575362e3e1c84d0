"""Performance before labels arrive, from what the reference taught about the model's own claims.

Classification: confidence-based estimation (CBPE). On the holdout the score is calibrated by isotonic regression (B. Zadrozny and
C. Elkan, KDD 2002); on live rows the metric is then the one expected when outcomes follow the calibrated probabilities
(J. Białek et al., "Estimating Model Performance Under Covariate Shift Without Labels", arXiv 2401.08348). Regression: a model of the error
itself, learned on the holdout from features and prediction ("direct loss estimation").

Both see a change of the inputs. Neither can see a change of what the inputs mean: measured performance and the error of past
estimates (:func:`reconcile`) show that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.columns import SCORE
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.estimator import LEAST_REFERENCE, calibrate, expected_losses
from mlops_assets.monitoring.reference import Reference, independent_rows, scores_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.modeling.bundle import Bundle

    Array = np.ndarray[Any, np.dtype[Any]]

LEAST_ROWS = 30
DRAWS = 200
EXACT_ROWS = 20_000
"""With more rows the interval is drawn on an evenly spaced part of them, and narrowed to all."""
ERROR_METRICS = {"mae": "absolute", "rmse": "squared"}
"""Regression metrics that are a mean of losses, and which loss."""


@dataclass(frozen=True)
class Estimate:
    """An estimated metric.

    Attributes:
        status: ``estimated``; or ``inconclusive``, where ``detail`` says why there is no number to act on.
        metric: its name.
        value: the estimate; None where there is none.
        low, high: where the measured metric of these rows would fall in 95 of 100 cases, were the claims as calibrated as on the holdout.
        n: rows; ``n_effective`` independent ones.
        method: cbpe or error_model.
        detail: in words.
    """

    status: Literal["estimated", "inconclusive"]
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_effective: int
    method: str
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "status": self.status,
            "metric": self.metric,
            "value": self.value,
            "interval": None if self.low is None else [self.low, self.high],
            "n": self.n,
            "n_effective": self.n_effective,
            "method": self.method,
            "detail": self.detail,
        }


@dataclass(frozen=True)
class Reconciliation:
    """How past estimates met the truth that came later.

    Attributes:
        windows: estimates that met a measured value.
        bias: mean of estimate minus measured; ``error`` mean of its absolute value; ``worst`` the largest.
        inside: share of measured values inside the estimate's interval; None where no estimate had one.
        trusted: whether estimates may still be acted on: at least :data:`MIN_RECONCILED` windows did not show a mean error above what is
            tolerated. None where too few windows met the truth.
    """

    windows: int
    bias: float | None
    error: float | None
    worst: float | None
    inside: float | None
    trusted: bool | None


MIN_RECONCILED = 3


def estimate_performance(
    reference: Reference, window: pa.Table, metric: str, *, bundle: Bundle | None = None, entity: Sequence[str] | None = None, seed: int = 7
) -> Estimate:
    """Estimate a metric of the predictions in ``window`` without their labels.

    Args:
        reference: of the version that made them.
        window: predictions with their score; for regression also their features.
        metric: a metric of the task. Of regression only those of :data:`ERROR_METRICS` can be estimated.
        bundle: the model; regression needs its encoder.
        entity: key columns; default: the reference's.
        seed: of the interval's draws.
    """
    import numpy as np
    import pyarrow as pa

    n = window.num_rows
    effective = independent_rows(window, reference.entity if entity is None else entity)
    method = "error_model" if reference.task == "regression" else "cbpe"

    def nothing(detail: str) -> Estimate:
        return Estimate("inconclusive", metric, None, None, None, n, effective, method, detail)

    if reference.estimator is None:
        return nothing(f"the holdout had fewer than {LEAST_REFERENCE} rows to learn from")
    if SCORE not in window.column_names or n == 0:
        return nothing("there are no predictions")
    score = scores_of(window, len(reference.classes))
    known = np.isfinite(score) if score.ndim == 1 else np.isfinite(score).all(axis=1)
    if int(known.sum()) < LEAST_ROWS or effective < LEAST_ROWS:
        return nothing(f"{int(min(known.sum(), effective))} rows with a score; at least {LEAST_ROWS} are needed")
    if reference.task == "regression":
        if metric not in ERROR_METRICS:
            return nothing(f"{metric} is no mean of losses; {' and '.join(ERROR_METRICS)} can be estimated")
        if bundle is None:
            raise MonitoringError("a regression estimate needs the bundle.", do="Pass the bundle that made the predictions.")
        found = _expected_loss(reference, window.filter(pa.array(known, pa.bool_())), score[known], metric, bundle, effective / n)
    else:
        found = _expected_metric(reference, score[known], metric, effective / n, seed)
    if not math.isfinite(found[0]):
        return nothing(f"{metric} has no value on these claims")
    return Estimate("estimated", metric, *found, n, effective, method)


def reconcile(pairs: Sequence[tuple[Estimate, float]], *, tolerated: float = 0.02) -> Reconciliation:
    """Hold estimates against the values that were measured for the same windows when their labels had come."""
    met = [(e.value, truth, e.low, e.high) for e, truth in pairs if e.value is not None and math.isfinite(truth)]
    if not met:
        return Reconciliation(0, None, None, None, None, None)
    off = [value - truth for value, truth, _, _ in met]
    spans = [low <= truth <= high for _, truth, low, high in met if low is not None and high is not None]
    error = sum(abs(d) for d in off) / len(off)
    return Reconciliation(
        windows=len(met),
        bias=sum(off) / len(off),
        error=error,
        worst=max(abs(d) for d in off),
        inside=sum(spans) / len(spans) if spans else None,
        trusted=None if len(met) < MIN_RECONCILED else error <= tolerated or bool(spans and sum(spans) / len(spans) >= 0.8),
    )


def _expected_metric(reference: Reference, score: Array, metric: str, worth: float, seed: int) -> tuple[float, float | None, float | None]:
    """Every row stands there once for each outcome, weighed by its probability: the metric of that table is the expected one."""
    import numpy as np

    from mlops_assets.modeling.metrics import metric_of

    assert reference.estimator is not None
    compute = metric_of(metric, reference.task)
    probability = calibrate(reference.estimator, score)
    chances = np.column_stack([1 - probability, probability]) if score.ndim == 1 else probability
    n, k = chances.shape
    outcomes, rows = np.tile(np.arange(k), n), np.repeat(np.arange(n), k)
    value = compute.compute(outcomes, score[rows], chances.ravel())
    part = np.arange(n) if n <= EXACT_ROWS else np.linspace(0, n - 1, EXACT_ROWS).astype(int)
    random = np.random.default_rng(seed)
    cumulated = np.cumsum(chances[part], axis=1)
    drawn = []
    for _ in range(DRAWS):
        rows = random.integers(0, len(part), len(part))
        outcome = (random.random(len(part))[:, None] > cumulated[rows]).sum(axis=1).clip(max=k - 1)
        drawn.append(compute.compute(outcome, score[part][rows]))
    known = np.asarray(drawn)[np.isfinite(drawn)]
    if len(known) < 0.9 * DRAWS:
        return value, None, None
    of_window = np.var(known) * len(part) / (n * worth)
    of_reference = np.var(known) * len(part) / reference.estimator["n"]
    half = 1.96 * math.sqrt(float(of_window + of_reference))
    return value, value - half, value + half


def _expected_loss(
    reference: Reference, window: pa.Table, score: Array, metric: str, bundle: Bundle, worth: float
) -> tuple[float, float | None, float | None]:
    import numpy as np

    assert reference.estimator is not None
    model = reference.estimator[ERROR_METRICS[metric]]
    loss = expected_losses(model, bundle, window.to_pandas(), score)
    mean = float(loss.mean())
    spread = model["sd"] * math.sqrt(1 / (len(loss) * worth) + 1 / reference.estimator["n"])
    low, high = max(0.0, mean - 1.96 * spread), mean + 1.96 * spread
    if metric == "rmse":
        return math.sqrt(mean), math.sqrt(low), float(np.sqrt(high))
    return mean, low, high
