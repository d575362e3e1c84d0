"""A declared limit on the time to score one JSON row in this process: decoding, encoding and the model, without the network.

Quantiles get distribution-free intervals from order statistics: W. Conover, Practical Nonparametric Statistics (1999), section 3.2.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.modeling.synthetic import make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

MAX_CALLS = 2000
SECONDS, AT_MOST_SECONDS = 3.0, 15.0
ROWS = 200
WARM_UP = 20


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Measure single rows for :data:`SECONDS`, but at least as many as the quantile's upper bound needs, for :data:`AT_MOST_SECONDS`."""
    assert gate.latency is not None
    assert gate.at_most is not None
    required = f"{gate.latency.removesuffix('_ms')} of scoring one row at most {gate.at_most:g} ms"
    if not context.holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    p, confidence = int(gate.latency[1:3]) / 100, gate.confidence or CONFIDENCE
    times = sorted(_measure(context, max(gate.min_n or 1, calls_needed(p, confidence))))
    found = quantile_interval(times, p, confidence)
    status, why = decide(found, at_most=gate.at_most)
    quantiles = {f"p{round(100 * q)}_ms": times[min(len(times) - 1, int(len(times) * q))] for q in (0.5, 0.95, 0.99)}
    bounds = found.bounds if found.high is not None and math.isfinite(found.high) else None
    n = len(times)
    return GateResult(
        name,
        status,
        found.value,
        required,
        bounds,
        n,
        float(n),
        f"{n} rows scored one by one: {found.value:.3g} ms, interval {show(found)}: {why}.",
        quantiles,
    )


def quantile_interval(ordered: list[float], p: float, confidence: float) -> Interval:
    """The p-quantile of sorted values with bounds at the ranks that a binomial count of smaller values allows.

    The upper bound is infinite where the values are too few to have one.
    """
    n = len(ordered)
    half = _z(confidence) * math.sqrt(n * p * (1 - p))
    low, high = max(0, math.floor(n * p - half)), math.ceil(n * p + half)
    upper = ordered[high] if high < n else math.inf
    return Interval(ordered[min(n - 1, int(n * p))], ordered[low], upper, n, n, confidence)


def calls_needed(p: float, confidence: float) -> int:
    """The fewest values for which :func:`quantile_interval` has an upper bound."""
    n = 2
    while math.ceil(n * p + _z(confidence) * math.sqrt(n * p * (1 - p))) >= n:
        n += 1
    return n


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _measure(context: GateContext, needed: int) -> list[float]:
    """Milliseconds of each call."""
    bundle, table = context.bundle, context.holdout.rows.table
    frame = table[[feature.name for feature in bundle.signature.features]].head(ROWS)
    rows = bundle.json_rows(frame)
    for row in rows[:WARM_UP]:
        bundle.predict_rows([row])
    times: list[float] = []
    clock = context.clock
    begun = clock()
    while len(times) < MAX_CALLS and clock() - begun < (AT_MOST_SECONDS if len(times) < needed else SECONDS):
        start = clock()
        bundle.predict_rows([rows[len(times) % len(rows)]])
        times.append((clock() - start) * 1000)
    return times


def known_bad(bench: Bench) -> Cases:
    """A model that takes twice the time that is allowed."""
    world, limit = bench.world, float(bench.gate.at_most or 0.0)
    quick = min(1.0, limit / 2)
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def taking(milliseconds: float) -> Case:
        now = [0.0]

        def wait() -> None:
            now[0] += milliseconds / 1000

        bundle = make_bundle(world.task, score, features, before_row=wait)
        return lambda: bench.context(bundle, make_set(world, columns), clock=lambda: now[0])

    return Cases(
        bad=[(f"a model that takes {2 * limit:g} ms a row", taking(2 * limit))],
        good=[(f"a model that takes {quick:g} ms a row", taking(quick))],
    )
