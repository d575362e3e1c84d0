"""How many effective rows each gate of a model needs, told before there is a model.

A gate passes where the whole of its interval does. So it needs as many rows as make a sound model pass with a probability of
:data:`POWER`: ``n = ((z_confidence + z_power) * spread / distance)² + z_confidence² / 2``, where the spread is that of
:mod:`mlops_assets.modeling.metric_spread` and the distance lies between what a sound model scores and the limit (S.-C. Chow, J. Shao and
H. Wang, Sample Size Calculations in Clinical Research, 2003, chapter 3; the last term for few rows: W. Guenther, The American Statistician
35, 1981). Rows that depend on each other count as what they are worth.

What is not known is assumed (:class:`Assumed`) and said. A gate that looks at every row by itself, or at none, needs none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

from mlops_assets.modeling.bootstrap import CONFIDENCE
from mlops_assets.modeling.calibration import MAX_BINS, MIN_BINS, ROWS_PER_BIN
from mlops_assets.modeling.gates import beats_naive, calibration
from mlops_assets.modeling.gates.comparison import DEFAULT_MARGIN
from mlops_assets.modeling.gates.context import MIN_N, MIN_SLICE_N
from mlops_assets.modeling.gates.label_quality import MIN_PER_CLASS
from mlops_assets.modeling.metric_spread import paired, spread
from mlops_assets.spec.gates import Gate, gate_names
from mlops_assets.spec.metrics import BOUNDED, GREATER_IS_BETTER

if TYPE_CHECKING:
    from mlops_assets.spec.model import Model

POWER = 0.9
SOUND: Mapping[str, float] = {"roc_auc": 0.75, "r2": 0.3}
"""What a sound model scores."""
BEYOND, BEYOND_SHARE = 0.05, 0.1
"""By how much a sound model is better than a threshold: on a fixed scale, and as a share of others."""
DISTURBED = 0.9
"""Correlation of a metric's noise with that on disturbed features."""
GAIN = 0.1
"""Nats by which a sound model of several classes is better than the naive one."""
SMALL = 1.5
"""What few rows need beyond the normal theory, in squared quantiles, by simulation: t bounds whose width is an estimate too."""
MOST = 10_000_000
"""More rows than this are said to be no number of rows."""


@dataclass(frozen=True)
class Assumed:
    """What is known of data and model, or assumed.

    Attributes:
        rate: share of positives; of several classes that of the rarest.
        value: what a sound model scores, by metric, such as what the newest version does; of others see :data:`SOUND`.
        groups: shares of the values of a column that slices or fairness go by; two equal ones where it is not known.
    """

    rate: float = 0.2
    value: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Need:
    """Effective rows that a gate needs, and of which sound model that is said. ``rows`` is None where no number of rows decides."""

    gate: str
    rows: int | None
    why: str


def needs(model: Model, assumed: Assumed | None = None) -> list[Need]:
    """What each gate of ``model`` needs, in the order of the gates; without those that are off, do not apply or need no rows."""
    assumed = assumed or Assumed()
    found: list[Need] = []
    for name, gate in gate_names(model.gates):
        rule = None if gate.off or model.task not in gate.row.tasks else _RULES.get(gate.row.name)
        if rule is not None:
            rows, why = rule(model, gate, assumed)
            needed = max(math.ceil(rows), gate.min_n or MIN_N) if rows <= MOST else None
            found.append(Need(name, needed, why))
    return found


def rows_for(deviation: float, distance: float, confidence: float | None, power: float = POWER) -> float:
    """Rows on which the interval of a value lies beyond a limit at ``distance`` with probability ``power``; infinite at none."""
    if distance <= 0:
        return math.inf
    z = _z((1 + (confidence or CONFIDENCE)) / 2)
    return ((z + _z(power)) * deviation / distance) ** 2 + SMALL * z * z


def _beats_naive(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    return _versus_naive(model, gate.confidence or beats_naive.CONFIDENCE, assumed)


def _versus_naive(model: Model, confidence: float, assumed: Assumed) -> tuple[float, str]:
    """Against the naive model by the main metric.

    A gain of I nats varies by 2 I, as the log-likelihood ratio of two close models does (S. Kullback, Information Theory and Statistics,
    1959, chapter 6); the RMSE of normal errors, s of the naive one's, by 1/2 + s²/2 - s³.
    """
    if model.task == "binary_classification":
        value = max(_value("roc_auc", assumed), 0.5)
        return rows_for(spread("roc_auc", value, assumed.rate) or 0.0, value - 0.5, confidence), f"roc_auc of {value:.3g}"
    if model.task == "multiclass_classification":
        return rows_for(math.sqrt(2 * GAIN), GAIN, confidence), f"log_loss better by {GAIN:g}"
    explained = min(max(_value("r2", assumed), 0.0), 0.99)
    s = math.sqrt(1 - explained)
    return rows_for(math.sqrt(0.5 + s * s / 2 - s**3), 1 - s, confidence), f"r2 of {explained:.3g}"


def _champion(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    return _versus_champion(model.main_metric, gate, assumed)


def _versus_champion(metric: str, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    """As good as the champion, of which it is shown that it is not worse by more than the margin."""
    margin = DEFAULT_MARGIN if gate.margin is None else gate.margin
    value = _value(metric, assumed)
    distance = margin if metric in BOUNDED else margin * value
    deviation = paired(spread(metric, value, assumed.rate) or value)
    return rows_for(deviation, distance, gate.confidence), f"as good as the champion, margin {margin:g}"


def _calibration(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    """Rows from which on the interval of a calibrated model's error lies below the limit.

    The squared gaps of k bins then are chi-square with k degrees of freedom, in units of the outcome's variance by rows; its quantile is
    that of E. Wilson and M. Hilferty, PNAS 17 (1931).
    """
    variance = assumed.rate * (1 - assumed.rate)
    z = _z((1 + (gate.confidence or CONFIDENCE)) / 2)

    def passes(n: float) -> bool:
        bins = min(MAX_BINS, max(MIN_BINS, n // ROWS_PER_BIN))
        gaps = bins * (1 - 2 / (9 * bins) + _z(POWER) * math.sqrt(2 / (9 * bins))) ** 3 - bins
        limit = calibration.share_of_deviation(n) if gate.max_error is None else float(gate.max_error) / math.sqrt(variance)
        return n * limit * limit >= gaps + z * math.sqrt(2 * bins + 4 * max(0.0, gaps))

    n = float(gate.min_n or calibration.MIN_CALIBRATION_N)
    while n <= MOST and not passes(n):
        n = math.ceil(n * 1.01)
    return n, "calibrated"


def _label_quality(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    """Rows with :data:`MIN_PER_CLASS` of the rare class, by the normal approximation of the binomial."""
    if model.task != "binary_classification":
        return 0.0, "any"
    rare = min(assumed.rate, 1 - assumed.rate)
    half = _z(POWER) * math.sqrt(rare * (1 - rare))
    return ((half + math.sqrt(half * half + 4 * rare * MIN_PER_CLASS)) / (2 * rare)) ** 2, f"{MIN_PER_CLASS} rows of the rarer class"


def _leakage(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    return 0.0, "no feature near the limit"


def _metric(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    assert gate.metric is not None
    parts: list[tuple[float, str]] = []
    if gate.versus == "champion":
        parts.append(_versus_champion(gate.metric, gate, assumed))
    if gate.versus == "naive":
        parts.append(_versus_naive(model, gate.confidence or CONFIDENCE, assumed))
    limits = ((gate.at_least, 1), (gate.at_most, -1))
    parts += [_threshold(gate, gate.metric, limit, assumed, above) for limit, above in limits if limit is not None]
    return max(parts)


def _threshold(gate: Gate, metric: str, limit: float, assumed: Assumed, above: int) -> tuple[float, str]:
    """A metric beyond a limit, for the smallest slice where there are such: each of k passes with the k-th root of the power."""
    known = assumed.value.get(metric, SOUND.get(metric))
    value = limit + above * (BEYOND if metric in BOUNDED else BEYOND_SHARE * abs(limit))
    if metric in BOUNDED and metric != "r2":
        value = min(max(value, limit / 2), (1 + limit) / 2)
    if known is not None and GREATER_IS_BETTER[metric] == (above > 0) and (metric in assumed.value or (known - value) * above > 0):
        value = known if (known - limit) * above > 0 else value
    deviation = spread(metric, value, assumed.rate)
    if deviation is None:
        return 0.0, "any"
    shares = (1.0,) if gate.slice is None else _shares(gate.slice, assumed)
    rows = max(rows_for(deviation, abs(value - limit), gate.confidence, POWER ** (1 / len(shares))), gate.min_n or MIN_SLICE_N)
    where = "" if gate.slice is None else f" for each value of {gate.slice}"
    return rows / min(shares), f"{metric} of {value:.3g}{where}"


def _fairness(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    """Groups that are treated alike, of which the one that looks worst is judged: either of the two sides of the interval may be it.

    The variance is that of a difference of two shares, and of the logarithm of their ratio (D. Katz et al., Biometrics 34, 1978). Equalized
    odds need it of two shares, each with the root of the power.
    """
    assert gate.attribute is not None
    shares = sorted(_shares(gate.attribute, assumed))
    kind, of = str(gate.fairness).rsplit("_", 1)[1], f"groups of {gate.attribute} treated alike"
    fewest = (gate.min_n or MIN_SLICE_N) / shares[0]
    limit = gate.at_least if kind == "ratio" else gate.at_most
    if limit is None or limit <= 0:
        return fewest, of
    distance = -math.log(limit) if kind == "ratio" else limit
    hits, alarms = _chosen(assumed.rate, _value("roc_auc", assumed))
    found = {
        "demographic_parity": [(1.0, assumed.rate * hits + (1 - assumed.rate) * alarms)],
        "equal_opportunity": [(assumed.rate, hits)],
        "equalized_odds": [(assumed.rate, hits), (1 - assumed.rate, alarms)],
    }[str(gate.fairness).removesuffix(f"_{kind}")]
    power = (1 + POWER ** (1 / len(found))) / 2
    for part, chosen in found:
        variance = chosen * (1 - chosen) * (1 / shares[0] + 1 / shares[-1]) / part / (chosen**2 if kind == "ratio" else 1)
        fewest = max(fewest, rows_for(math.sqrt(variance), distance, gate.confidence, power))
    return fewest, of


def _chosen(rate: float, auc: float) -> tuple[float, float]:
    """Shares of positives and of negatives that a calibrated model gives 0.5 or more, with normal scores of equal variance.

    D. Green and J. Swets, Signal Detection Theory and Psychophysics, 1966, chapter 3.
    """
    normal = NormalDist()
    d = math.sqrt(2) * normal.inv_cdf(min(max(auc, 0.51), 0.999))
    threshold = d / 2 - math.log(rate / (1 - rate)) / d
    return max(1 - normal.cdf(threshold - d), 1e-4), max(1 - normal.cdf(threshold), 1e-4)


def _robustness(model: Model, gate: Gate, assumed: Assumed) -> tuple[float, str]:
    value = _value(model.main_metric, assumed)
    deviation = paired(spread(model.main_metric, value, assumed.rate) or value, DISTURBED)
    return rows_for(deviation, (gate.max_drop or 0.0) / 2, gate.confidence), "losing half of what it may"


_Rule = Callable[["Model", Gate, Assumed], tuple[float, str]]
_RULES: Mapping[str, _Rule] = {
    "beats_naive": _beats_naive,
    "leakage": _leakage,
    "champion": _champion,
    "calibration": _calibration,
    "label_quality": _label_quality,
    "metric": _metric,
    "fairness": _fairness,
    "robustness": _robustness,
}


def _value(metric: str, assumed: Assumed) -> float:
    return assumed.value.get(metric, SOUND.get(metric, 0.75 if metric in BOUNDED else 1.0))


def _shares(column: str, assumed: Assumed) -> tuple[float, ...]:
    return assumed.groups.get(column) or (0.5, 0.5)


def _z(p: float) -> float:
    return NormalDist().inv_cdf(p)
