"""Refuses predicted probabilities that lie far from observed rates.

The expected calibration error is pushed upward by noise, the more the fewer rows a bin has, so it is judged by a reflected bootstrap
interval that takes this bias back. Without `max_error` the limit is a fifth of the outcome's standard deviation (at most 0.1):
0.1 where half of the rows are positive, 0.028 where 2 % are, so that a constant 10 % does not pass there.
"""

from __future__ import annotations

import math

from mlops_assets.modeling.bootstrap import CONFIDENCE, draw, reflected
from mlops_assets.modeling.calibration import bins_of, calibration_error, claims_of, spiegelhalter, table_of
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.spec.gates import Gate

SHARE_OF_SD = 0.2
MIN_CALIBRATION_N = 100


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
    rate = float(claims.happened.mean())
    limit = gate.max_error if gate.max_error is not None else SHARE_OF_SD * math.sqrt(rate * (1 - rate))
    bins = bins_of(claims, holdout.n_effective)
    draws = draw({"error": calibration_error(claims, bins)}, holdout.blocks, seed=context.seed)["error"]
    found = reflected(draws, holdout.blocks, holdout.n_effective, gate.confidence or CONFIDENCE)
    status, why = decide(found, at_most=limit, min_n=gate.min_n or MIN_CALIBRATION_N)
    test = spiegelhalter(claims)
    return GateResult(
        name,
        status,
        found.value,
        f"expected calibration error at most {limit:.3g}"
        + ("" if gate.max_error is not None else " (a fifth of the outcome's standard deviation)"),
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


def known_bad(bench: Bench) -> Cases:
    """A model that is certain and wrong."""
    return Cases(
        bad=[("a model that is certain and wrong", lambda: bench.predicting(bench.always_wrong()))],
        good=[("a model that is certain and right", lambda: bench.claiming(True))],
    )
