"""Refuses predicted probabilities that lie far from observed rates.

The calibration error (:mod:`mlops_assets.modeling.calibration`) is judged by its interval. Without `max_error` the limit is a share of the
outcome's standard deviation: :data:`SHARE` of it where the holdout has :data:`FULL_ROWS` effective rows, 0.06 where half of the rows are
positive and 0.017 where 2 % are. Fewer rows cannot show so little, and what is learned beside them is less exact too, so the share grows
as rows ** -2/3, up to :data:`LARGEST_SHARE`; a sound model is decided on from about 250 effective rows.

Where rows are dated and the level of the outcome moved from training to holdout without a feature that says so
(:func:`~mlops_assets.modeling.moves.expected_level`), no model could know it. As long as that is less than :data:`NEWS`, a small effect,
claims are judged at the level that came, by as much as chance does not explain. A model that claims more than it learned from gets nothing
for it, and nor does a declared `max_error`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE
from mlops_assets.modeling.calibration import Claims, bins_of, calibration_error, claims_of, spiegelhalter, table_of
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.modeling.gates.relative import relative_to_champion
from mlops_assets.modeling.holdout import AS_OF
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
    rate, confidence = float(claims.happened.mean()), gate.confidence or CONFIDENCE
    news = _news(context, gate, rate, rate - float(claims.probability.mean()))
    told = _at_level(claims, news)
    bins = bins_of(told, holdout.n_effective)
    found = calibration_error(told, bins, holdout.blocks, holdout.n_effective, confidence)
    limit, share = _limit(gate, rate, holdout.n_effective)
    status, why = decide(found, at_most=limit, min_n=gate.min_n or MIN_CALIBRATION_N)
    test = spiegelhalter(claims)
    moved = f", of which {news:+.3g} is a move of the outcome that no feature says; beside it" if news else ","
    result = GateResult(
        name,
        status,
        found.value,
        f"calibration error at most {limit:.3g}{share}{', beside a small move of the outcome' if news else ''}",
        found.bounds,
        found.n,
        found.n_effective,
        f"Mean claim {claims.probability.mean():.4g}, observed rate {rate:.4g}{moved} calibration error {found.value:.4g}, "
        f"interval {show(found)}; {why}.",
        {
            "bins": table_of(claims, bins, holdout.n_effective / holdout.n),
            "spiegelhalter": None if test is None else {"z": test[0], "p": test[1]},
            "moved": news,
        },
    )
    return relative_to_champion(context, gate, result, lambda: _beside_the_champion(holdout, claims, confidence))


def _limit(gate: Gate, rate: float, n_effective: float) -> tuple[float, str]:
    """The limit, and in words where it comes from."""
    if gate.max_error is not None:
        return gate.max_error, ""
    share = share_of_deviation(n_effective)
    return share * math.sqrt(rate * (1 - rate)), f" ({share:.3g} of the outcome's standard deviation)"


def _news(context: GateContext, gate: Gate, rate: float, gap: float) -> float:
    """How much of the ``gap`` between the share of the positive class and the mean claim is a small move that no model could know.

    That is by how much the share moved beyond what the features say and chance explains; 0 where it is no small effect.
    """
    holdout = context.holdout
    dated = AS_OF in holdout.rows.table and holdout.rows.table[AS_OF].notna().any()
    if gate.max_error is not None or holdout.task != "binary_classification" or not holdout.train.n or not dated:
        return 0.0
    expected = min(1.0, max(0.0, expected_level(holdout, context.bundle, 1)))
    move, chance = rate - expected, rate * (1 - rate) / max(holdout.n_effective, 1.0)
    if cohens_h(expected, rate) >= NEWS or move * move <= chance or move * gap <= 0:
        return 0.0
    return math.copysign(min(abs(gap), abs(move) * (1 - chance / (move * move))), gap)


def _at_level(claims: Claims, news: float) -> Claims:
    """The claims, moved by one number on their log odds, so that their mean is higher by ``news`` to the first order."""
    import numpy as np

    if not news:
        return claims
    p = np.clip(claims.probability, 1e-6, 1 - 1e-6)
    odds = np.log(p / (1 - p)) + news / float((p * (1 - p)).mean())
    return Claims(1 / (1 + np.exp(-odds)), claims.happened)


def _beside_the_champion(holdout: Holdout, claims: Claims, confidence: float) -> tuple[bool, str, dict[str, Any]]:
    """Whether the champion's calibration error on the same rows is at least as large, within its noise; in words and numbers."""
    assert holdout.champion is not None
    mine, other = (
        calibration_error(these, bins_of(these, holdout.n_effective), holdout.blocks, holdout.n_effective, confidence)
        for these in (claims, claims_of(holdout, holdout.champion))
    )
    noise = 0.0 if other.high is None else (other.high - other.value) / 2
    words = f"calibration error {mine.value:.4g} against the champion's {other.value:.4g}"
    return mine.value <= other.value + noise, words, {"champion": other.to_json()}


def known_bad(bench: Bench) -> Cases:
    """A model that is certain and wrong."""
    return Cases(
        bad=[("a model that is certain and wrong", lambda: bench.predicting(bench.always_wrong()))],
        good=[("a model that is certain and right", lambda: bench.claiming(True))],
    )
