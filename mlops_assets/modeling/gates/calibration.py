"""Refuses predicted probabilities that lie far from observed rates.

The calibration error (:mod:`mlops_assets.modeling.calibration`) is judged by its interval. Without `max_error` the limit is a share of the
outcome's standard deviation: :data:`SHARE` of it where the holdout has :data:`FULL_ROWS` effective rows, 0.06 where half of the rows are
positive and 0.017 where 2 % are. Fewer rows cannot show so little, and what is learned beside them is less exact too, so the share grows
as rows ** -2/3, up to :data:`LARGEST_SHARE`; a sound model is decided on from about 250 effective rows.

Where the level of the outcome moved from training to holdout and no feature says so (:func:`~mlops_assets.modeling.moves.expected_level`),
no model could know it, so that much is allowed beside the limit: what chance does not explain of it, as long as it is less than
:data:`NEWS`, a small effect. A model that claims more than it learned from gets nothing for it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE
from mlops_assets.modeling.calibration import bins_of, calibration_error, claims_of, spiegelhalter, table_of
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.modeling.gates.relative import relative_to_champion
from mlops_assets.modeling.jump import cohens_h
from mlops_assets.modeling.moves import expected_level
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    from mlops_assets.modeling.holdout import Holdout

SHARE, FULL_ROWS, LARGEST_SHARE = 0.12, 1000, 0.3
MIN_CALIBRATION_N = 100
NEWS = 0.2
"""Cohen's h of a small effect (J. Cohen, Statistical Power Analysis, 1988, chapter 6): from 40 % to 50 %, or from 10 % to 17 %."""


def share_of_deviation(n_effective: float) -> float:
    """The limit in standard deviations of the outcome, for so many effective rows."""
    return min(LARGEST_SHARE, max(SHARE, SHARE * math.pow(FULL_ROWS / max(n_effective, 1.0), 2 / 3)))


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Pass, fail or inconclusive by the interval of the calibration error; `not_applicable` to regression."""
    holdout = context.holdout
    if holdout.task not in gate.row.tasks:
        return GateResult(
            name, "not_applicable", None, "predicted probabilities", n=holdout.n, detail="The model predicts no probabilities."
        )
    if not holdout.n:
        return GateResult(name, "inconclusive", None, "a small calibration error", detail="The holdout is empty.")
    claims = claims_of(holdout)
    bins = bins_of(claims, holdout.n_effective)
    confidence = gate.confidence or CONFIDENCE
    found = calibration_error(claims, bins, holdout.blocks, holdout.n_effective, confidence)
    rate = float(claims.happened.mean())
    limit, allowed = _limit(context, gate, rate)
    status, why = decide(found, at_most=limit, min_n=gate.min_n or MIN_CALIBRATION_N)
    test = spiegelhalter(claims)
    result = GateResult(
        name,
        status,
        found.value,
        f"calibration error at most {limit:.3g}{allowed}",
        found.bounds,
        found.n,
        found.n_effective,
        f"Mean claim {claims.probability.mean():.4g}, observed rate {rate:.4g}, calibration error {found.value:.4g}, "
        f"interval {show(found)}; {why}.",
        {
            "bins": table_of(claims, bins, holdout.n_effective / holdout.n),
            "spiegelhalter": None if test is None else {"z": test[0], "p": test[1]},
        },
    )
    return relative_to_champion(context, gate, result, lambda: _beside_the_champion(holdout, found.value, confidence))


def _limit(context: GateContext, gate: Gate, rate: float) -> tuple[float, str]:
    """The limit, and in words how it comes about."""
    if gate.max_error is not None:
        return gate.max_error, ""
    holdout = context.holdout
    share = share_of_deviation(holdout.n_effective)
    plain = share * math.sqrt(rate * (1 - rate))
    words = f" ({share:.3g} of the outcome's standard deviation"
    news = _news(context, rate)
    if not news:
        return plain, f"{words})"
    return math.hypot(plain, news), f"{words}, and the {news:.3g} by which the outcome moved beyond what the features say)"


def _news(context: GateContext, rate: float) -> float:
    """How far the share of the positive class moved beyond what the features say and chance explains; 0 where that is no small effect."""
    holdout = context.holdout
    if holdout.task != "binary_classification" or not holdout.train.n:
        return 0.0
    expected = min(1.0, max(0.0, expected_level(holdout, context.bundle, 1)))
    chance = rate * (1 - rate) / max(holdout.n_effective, 1.0)
    return 0.0 if cohens_h(expected, rate) >= NEWS else math.sqrt(max(0.0, (rate - expected) ** 2 - chance))


def _beside_the_champion(holdout: Holdout, mine: float, confidence: float) -> tuple[bool, str, dict[str, Any]]:
    """Whether the champion's calibration error on the same rows is at least as large, within the noise of either; in words and numbers."""
    assert holdout.champion is not None
    claims = claims_of(holdout, holdout.champion)
    found = calibration_error(claims, bins_of(claims, holdout.n_effective), holdout.blocks, holdout.n_effective, confidence)
    noise = 0.0 if found.high is None else (found.high - found.value) / 2
    words = f"calibration error {mine:.4g} against the champion's {found.value:.4g}"
    return mine <= found.value + noise, words, {"champion": found.to_json()}


def known_bad(bench: Bench) -> Cases:
    """A model that is certain and wrong."""
    return Cases(
        bad=[("a model that is certain and wrong", lambda: bench.predicting(bench.always_wrong()))],
        good=[("a model that is certain and right", lambda: bench.claiming(True))],
    )
