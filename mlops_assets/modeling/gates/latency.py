"""A declared limit on the time to score one JSON row in this process: decoding, encoding and the model, without the network.

Quantiles get distribution-free intervals from order statistics: W. Conover, Practical Nonparametric Statistics (1999), section 3.2.
"""

from __future__ import annotations

from statistics import NormalDist

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval
from mlops_assets.modeling.gates.limits import decide
from mlops_assets.modeling.gates.result import GateContext, GateResult
from mlops_assets.spec.gates import Gate

MIN_CALLS, MAX_CALLS = 200, 2000
SECONDS = 3.0
WARM_UP = 20


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Measure up to :data:`MAX_CALLS` single rows or :data:`SECONDS`, whichever comes first, but at least `min_n` calls."""
    assert gate.latency is not None
    assert gate.at_most is not None
    required = f"{gate.latency.removesuffix('_ms')} of scoring one row at most {gate.at_most:g} ms"
    if not context.holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    times = sorted(_measure(context, gate.min_n or MIN_CALLS))
    p = int(gate.latency[1:3]) / 100
    found = quantile_interval(times, p, gate.confidence or CONFIDENCE)
    status, why = decide(found, at_most=gate.at_most)
    quantiles = {f"p{round(100 * q)}_ms": quantile_interval(times, q, CONFIDENCE).value for q in (0.5, 0.95, 0.99)}
    return GateResult(
        name,
        status,
        found.value,
        required,
        found.bounds,
        len(times),
        float(len(times)),
        f"{len(times)} rows scored one by one: {why} ms.",
        quantiles,
    )


def quantile_interval(ordered: list[float], p: float, confidence: float) -> Interval:
    """The p-quantile of sorted values with bounds at the ranks that a binomial count of smaller values allows."""
    n = len(ordered)
    z = NormalDist().inv_cdf((1 + confidence) / 2) * (n * p * (1 - p)) ** 0.5
    low, high = max(0, int(n * p - z)), int(n * p + z) + 1
    value = ordered[min(n - 1, int(n * p))]
    if high > n:
        return Interval(value, None, None, n, n, confidence)
    return Interval(value, ordered[low], ordered[high - 1], n, n, confidence)


def _measure(context: GateContext, needed: int) -> list[float]:
    """Milliseconds of each call."""
    bundle, table = context.bundle, context.holdout.rows.table
    frame = table[[feature.name for feature in bundle.signature.features]].head(MIN_CALLS)
    rows = bundle.json_rows(frame)
    for row in rows[:WARM_UP]:
        bundle.predict_rows([row])
    times: list[float] = []
    clock = context.clock
    begun = clock()
    while len(times) < needed or (len(times) < MAX_CALLS and clock() - begun < SECONDS):
        start = clock()
        bundle.predict_rows([rows[len(times) % len(rows)]])
        times.append((clock() - start) * 1000)
    return times
