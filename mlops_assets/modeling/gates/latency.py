"""A declared limit on the time to score one JSON row in this process: decoding, encoding and the model, without the network.

Quantiles get distribution-free intervals from order statistics: W. Conover, Practical Nonparametric Statistics (1999), section 3.2.

A busy machine makes every model slow. So a fixed reference work runs before each row, and both are measured in wall time and in CPU time.
The reference computes about as long as the model and, before that, waits as long, since a busy machine comes back late from a wait:

* pass: the wall time is within the limit, however busy the machine is;
* fail: the model computes for longer than the limit (for twice as long while the machine is busy, since a neighbour on the same
  core may double the CPU time of a work); or its wall time is beyond the limit by more than the reference work was ever held up, on a
  machine that is not busy, so that the waiting is its own;
* inconclusive: everything else.

The machine is busy where the reference work takes :data:`BUSY` times its own quiet time in the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist, fmean, median

from mlops_assets.modeling.bootstrap import CONFIDENCE, Interval
from mlops_assets.modeling.gate_result import GateResult, Status
from mlops_assets.modeling.gates.bench import Bench, Case, Cases
from mlops_assets.modeling.gates.context import GateContext
from mlops_assets.modeling.gates.limits import decide, show
from mlops_assets.modeling.gates.machine import Machine, Simulated
from mlops_assets.modeling.synthetic import make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

MAX_CALLS = 2000
SECONDS, AT_MOST_SECONDS = 3.0, 15.0
ROWS = 200
WARM_UP = 20
BUSY = 1.25
SHARED_CORE = 2.0
"""By how much a neighbour on the same core may stretch CPU time itself."""
SHORTEST, LONGEST = 2e-4, 5e-3
"""Seconds of the reference work: as many as the model computes, within these, and as many as it waits, up to the longest."""


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call of the model and of the reference work before it, in wall and CPU time; the latter waits for ``rest``."""

    wall: list[float]
    cpu: list[float]
    reference_wall: list[float]
    reference_cpu: list[float]
    rest: float

    @property
    def quiet(self) -> float:
        """What the reference work takes undisturbed: its wait, and the CPU time that nine of ten exceed."""
        return self.rest + self._computing

    @property
    def stretch(self) -> float:
        """How many times its quiet time the reference work took in the mean; 1 where it takes none that a clock can tell."""
        return fmean(self.reference_wall) / self.quiet if self.quiet > 0 else 1.0

    @property
    def _computing(self) -> float:
        return sorted(self.reference_cpu)[len(self.reference_cpu) // 10]

    @property
    def busy(self) -> bool:
        return self.stretch > BUSY

    def held_up(self, p: float) -> float:
        """By how much the machine may have lengthened the p-quantile of the model's time.

        Of the calls that exceed that quantile half may be the model's own, so the reference work's delay is taken at ``1 - (1 - p) / 2``;
        a model that computes longer than the reference is held up more often, and the share that may be is smaller in proportion.
        """
        exposed = max(1.0, median(self.cpu) / self._computing) if self._computing > 0 else 1.0
        delays = sorted(max(0.0, wall - self.rest - cpu) for wall, cpu in zip(self.reference_wall, self.reference_cpu, strict=True))
        return delays[min(len(delays) - 1, int(len(delays) * (1 - (1 - p) / 2 / exposed)))]


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """Measure single rows for :data:`SECONDS`, but at least as many as the quantile's upper bound needs, for :data:`AT_MOST_SECONDS`."""
    assert gate.latency is not None
    assert gate.at_most is not None
    required = f"{gate.latency.removesuffix('_ms')} of scoring one row at most {gate.at_most:g} ms"
    if not context.holdout.n:
        return GateResult(name, "inconclusive", None, required, detail="The holdout is empty.")
    p, confidence = int(gate.latency[1:3]) / 100, gate.confidence or CONFIDENCE
    times = _measure(context, max(gate.min_n or 1, calls_needed(p, confidence)))
    wall, cpu = (quantile_interval(sorted(found), p, confidence) for found in (times.wall, times.cpu))
    status, why = _decide(times, wall, cpu, p, gate.at_most)
    ordered = sorted(times.wall)
    quantiles = {f"p{round(100 * q)}_ms": ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.95, 0.99)}
    reference = {
        "wall_ms": fmean(times.reference_wall),
        "cpu_ms": fmean(times.reference_cpu),
        "quiet_ms": times.quiet,
        "held_up_ms": times.held_up(p),
        "stretch": times.stretch,
        "busy": times.busy,
    }
    bounds = wall.bounds if wall.high is not None and math.isfinite(wall.high) else None
    n = len(times.wall)
    return GateResult(
        name,
        status,
        wall.value,
        required,
        bounds,
        n,
        float(n),
        f"{n} rows scored one by one: {wall.value:.3g} ms, interval {show(wall)}, of which {cpu.value:.3g} ms CPU time; reference work "
        f"beside it: {reference['wall_ms']:.3g} ms, {times.stretch:.3g} times its quiet {times.quiet:.3g} ms: {why}.",
        {**quantiles, "cpu": {"value_ms": cpu.value, "low_ms": cpu.low}, "reference": reference},
    )


def _decide(times: Times, wall: Interval, cpu: Interval, p: float, at_most: float) -> tuple[Status, str]:
    """What the times say of the limit, and why."""
    status, why = decide(wall, at_most=at_most)
    if status == "pass":
        return status, why
    assert cpu.low is not None
    assert wall.low is not None
    if cpu.low > at_most * (SHARED_CORE if times.busy else 1.0):
        return "fail", "the model computes for longer than the limit"
    if times.busy:
        return "inconclusive", f"the machine is busy, so that the time is not the model's own: measure on a quiet one ({why})"
    if status == "inconclusive":
        return status, why
    if wall.low > at_most + times.held_up(p):
        return "fail", "the model waits, and the machine is not busy"
    return "inconclusive", f"the limit is missed by no more than the machine held up the reference work, {times.held_up(p):.3g} ms"


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


def _measure(context: GateContext, needed: int) -> Times:
    """The times of the calls, each after a piece of reference work."""
    bundle, table, machine = context.bundle, context.holdout.rows.table, context.machine
    frame = table[[feature.name for feature in bundle.signature.features]].head(ROWS)
    rows = bundle.json_rows(frame)
    warm = [machine.timed(partial(bundle.predict_rows, [row])) for row in rows[:WARM_UP]]
    units = _units(machine, min(LONGEST, max(SHORTEST, median(cpu for _, cpu in warm))))
    waited = median(wall - cpu for wall, cpu in warm)
    rest = min(LONGEST, waited) if waited > SHORTEST else 0.0
    measured: list[tuple[float, float, float, float]] = []
    begun = machine.wall()
    while len(measured) < MAX_CALLS and machine.wall() - begun < (AT_MOST_SECONDS if len(measured) < needed else SECONDS):
        beside = machine.timed(partial(_reference, machine, units, rest))
        mine = machine.timed(partial(bundle.predict_rows, [rows[len(measured) % len(rows)]]))
        measured.append((*mine, *beside))
    wall, cpu, reference_wall, reference_cpu = ([seconds * 1000 for seconds in column] for column in zip(*measured, strict=True))
    return Times(wall, cpu, reference_wall, reference_cpu, rest * 1000)


def _reference(machine: Machine, units: int, rest: float) -> None:
    if rest:
        machine.wait(rest)
    machine.work(units)


def _units(machine: Machine, seconds: float) -> int:
    """How many units of the reference work take so long on this machine."""
    one = min(machine.timed(partial(machine.work, 10))[1] for _ in range(WARM_UP)) / 10
    return max(1, round(seconds / one)) if one > 0 else 10


def known_bad(bench: Bench) -> Cases:
    """Models that take four times the time that is allowed: that compute, on a quiet and on a busy machine, and that wait.

    Their time is simulated, so that they are refused on whatever machine the proof runs.
    """
    world, limit = bench.world, float(bench.gate.at_most or 0.0)
    quick = min(1.0, limit / 2)
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def taking(computing: float, waiting: float = 0.0, held_up: float = 1.0) -> Case:
        def make() -> GateContext:
            time = Simulated(held_up)

            def before_row() -> None:
                time.compute(computing / 1000)
                time.wait(waiting / 1000)

            bundle = make_bundle(world.task, score, features, before_row=before_row)
            return bench.context(bundle, make_set(world, columns), machine=time.machine)

        return make

    return Cases(
        bad=[
            (f"a model that computes {4 * limit:g} ms a row", taking(4 * limit)),
            (f"a model that computes {4 * limit:g} ms a row on a busy machine", taking(4 * limit, held_up=3)),
            (f"a model that waits {4 * limit:g} ms a row", taking(0, 4 * limit)),
        ],
        good=[(f"a model that takes {quick:g} ms a row", taking(quick))],
        every=True,
    )
