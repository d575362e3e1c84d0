"""Refuses a holdout whose outcomes cannot judge a model.

* one class only, or classes that training never saw; missing targets; a constant target in regression;
* immature labels: final only after the model's as-of time;
* outcomes that jumped between training and holdout: the change is real (its confidence interval excludes 0) and large. Large is
  Cohen's h of 0.3 or more for the class that moves most (J. Cohen, Statistical Power Analysis, 1988, chapter 6; from 50 % to 65 %,
  from 4 % to 12 %), one standard deviation of the training target in regression, or what `max_jump` says: a difference of
  shares, or of standard deviations. Large and not shown to be real is inconclusive;
* too few rows, or fewer than ten of a class: inconclusive.

A labelling accident is told from a world that moves. A large jump is news, and passes, where

* the model follows it: what its predictions on both sides expect of the holdout, given the training rows, differs from what happened by
  less than the limit, so that the features explain the jump;
* or the outcome moved as much before: the limit is at least twice its usual move (:mod:`mlops_assets.modeling.moves`);
* or a champion stands in the same world and scores the same rows, and the gate is not declared `absolute`: the other gates compare the two.

The interval of a jump is widened for the number of classes that are looked at (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bootstrap import CONFIDENCE
from mlops_assets.modeling.gate_result import RELATIVE, GateResult, Status, worst
from mlops_assets.modeling.gates.bench import MOMENT, Bench, Cases
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import sentence
from mlops_assets.modeling.holdout import LABEL_END
from mlops_assets.modeling.jump import LARGE_H, LARGE_SD, cohens_h
from mlops_assets.modeling.moves import expected_level, usual_move
from mlops_assets.modeling.synthetic import CLASSES, World, make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.holdout import Rows

    Array = np.ndarray[Any, np.dtype[Any]]

MIN_PER_CLASS = 10
BESIDE_THE_CHAMPION = f", which is no fault of the candidate {RELATIVE}, who stands in the same world"


@dataclass(frozen=True)
class Jump:
    """Change of the outcome from training to holdout. ``size`` is in the unit of ``limit``; ``low, high`` bound ``holdout - train``.

    ``code`` is the class whose share it is; None for the mean of a number.
    """

    of: str
    train: float
    holdout: float
    size: float
    limit: float
    unit: str
    low: float
    high: float
    code: int | None

    @property
    def status(self) -> Status:
        if self.size < self.limit:
            return "pass"
        return "fail" if self.low > 0 or self.high < 0 else "inconclusive"

    @property
    def text(self) -> str:
        return f"{self.of} went from {self.train:.4g} to {self.holdout:.4g}, {self.unit} {self.size:.3g}"


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """The worst of all checks decides; every one that did not pass is named."""
    holdout = context.holdout
    rows = holdout.rows
    problems: list[tuple[Status, str]] = []
    if rows.without_target or holdout.train.without_target:
        problems.append(
            ("fail", f"{rows.without_target} rows of the holdout and {holdout.train.without_target} of training have no target")
        )
    problems += _classes(context) + _maturity(context)
    if holdout.n_effective < (needed := gate.min_n or MIN_N):
        problems.append(("inconclusive", f"{holdout.n_effective:.0f} effective rows are fewer than {needed}"))
    jump = _jump(context, gate) if holdout.n else None
    news = "" if jump is None or jump.status == "pass" else _news(context, gate, jump)
    if jump is not None and jump.status != "pass" and not news:
        problems.append(
            (jump.status, f"{jump.text} (limit {jump.limit:.3g})" + ("" if jump.status == "fail" else ", not shown to be real"))
        )
    status = worst(s for s, _ in problems) if problems else "pass"
    return GateResult(
        name,
        status,
        None if jump is None else jump.size,
        "at least two classes" * bool(holdout.classes)
        + "a target that varies" * (not holdout.classes)
        + f", mature labels, and no jump of {jump.limit if jump else 0:.3g} or more ({jump.unit if jump else 'no rows'})",
        None,
        holdout.n,
        holdout.n_effective,
        sentence(text for _, text in problems) if problems else sentence([jump.text + news] if jump else []),
        {"problems": [{"status": s, "detail": text} for s, text in problems], "jump": None if jump is None else asdict(jump), "news": news},
        RELATIVE if status == "pass" and news == BESIDE_THE_CHAMPION else "",
    )


def _classes(context: GateContext) -> list[tuple[Status, str]]:
    import numpy as np

    holdout = context.holdout
    y, target = holdout.y, context.bundle.target
    if not holdout.n:
        return [("inconclusive", "the holdout is empty")]
    if not holdout.classes:
        return [("fail", f"the target is {y[0]:g} in every row of the holdout")] if np.all(y == y[0]) else []
    coded = target.encode(holdout.rows.targets)
    unknown = sorted({str(value) for value in holdout.rows.targets[np.isnan(coded)]})
    found: list[tuple[Status, str]] = []
    if unknown:
        found.append(("fail", f"the holdout has classes that training never saw: {', '.join(unknown[:5])}"))
    counts = np.bincount(coded[~np.isnan(coded)].astype(int), minlength=len(holdout.classes))
    there = counts > 0
    if there.sum() < 2:
        only = holdout.classes[int(np.argmax(counts))]
        found.append(("fail", f"every row of the holdout has the class {only!r}"))
    elif holdout.task == "binary_classification" and counts.min() < MIN_PER_CLASS:
        rare = holdout.classes[int(np.argmin(counts))]
        have = "1 row of the holdout has" if counts.min() == 1 else f"{counts.min()} rows of the holdout have"
        found.append(("inconclusive", f"only {have} the class {rare!r}; {MIN_PER_CLASS} are needed"))
    return found


def _maturity(context: GateContext) -> list[tuple[Status, str]]:
    import pandas as pd

    if context.as_of is None:
        return []
    late = 0
    for rows in (context.holdout.train, context.holdout.rows):
        if LABEL_END in rows.table:
            ends = pd.to_datetime(rows.table[LABEL_END], utc=True, cache=False)
            late += int((ends > pd.Timestamp(context.as_of)).sum())
    return [("fail", f"{late} labels become final only after {context.as_of.isoformat()}, when the model is as of")] if late else []


def _jump(context: GateContext, gate: Gate) -> Jump:
    holdout = context.holdout
    if not holdout.classes:
        return _jump_of_mean(context, gate)
    codes: list[tuple[str, int]] = [(f"the share of {label}", k) for k, label in enumerate(holdout.classes)]
    codes = codes[1:] if holdout.task == "binary_classification" else codes
    moved = [_jump_of_share(context, gate, text, code, len(codes)) for text, code in codes]
    return max(moved, key=lambda jump: jump.size)


def _jump_of_share(context: GateContext, gate: Gate, of: str, code: int, looked_at: int) -> Jump:
    holdout = context.holdout
    happened = [(rows.y == code).astype(float) for rows in (holdout.train, holdout.rows)]
    (a, va), (b, vb) = (_share(context, rows, values) for rows, values in zip((holdout.train, holdout.rows), happened, strict=True))
    move = usual_move(holdout, happened[0])
    size, limit, unit = cohens_h(a, b), max(LARGE_H, _h_of_move(a, 2 * move)), "Cohen's h"
    if gate.max_jump is not None:
        size, limit, unit = abs(b - a), gate.max_jump, "difference"
    half = _half(va + vb, gate, looked_at)
    return Jump(of, a, b, size, limit, unit, b - a - half, b - a + half, code)


def _h_of_move(share: float, move: float) -> float:
    """Cohen's h of a move from ``share``, upward or downward, whichever is the larger."""
    return max(cohens_h(share, min(1.0, share + move)), cohens_h(share, max(0.0, share - move)))


def _jump_of_mean(context: GateContext, gate: Gate) -> Jump:
    holdout = context.holdout
    (a, va), (b, vb) = (_share(context, rows, rows.y) for rows in (holdout.train, holdout.rows))
    sd = float(holdout.train.y.std()) or 1.0
    half = _half(va + vb, gate, 1)
    limit = gate.max_jump if gate.max_jump is not None else max(LARGE_SD, 2 * usual_move(holdout, holdout.train.y) / sd)
    return Jump("the mean of the target", a, b, abs(b - a) / sd, limit, "training standard deviations", b - a - half, b - a + half, None)


def _news(context: GateContext, gate: Gate, jump: Jump) -> str:
    """Why a large jump is no fault of the labels, in words; empty where nothing says so."""
    if gate.max_jump is None and _followed(context, jump):
        return ", which the features explain: the model expects it"
    if not gate.absolute and gate.max_jump is None and context.holdout.champion is not None:
        return BESIDE_THE_CHAMPION
    return ""


def _followed(context: GateContext, jump: Jump) -> bool:
    """Whether what the model expects of the holdout lies within the limit of what happened there."""
    holdout = context.holdout
    expected = expected_level(holdout, context.bundle, jump.code)
    if jump.code is None:
        return abs(jump.holdout - expected) / (float(holdout.train.y.std()) or 1.0) < jump.limit
    return cohens_h(min(1.0, max(0.0, expected)), jump.holdout) < jump.limit


def _share(context: GateContext, rows: Rows, values: Array) -> tuple[float, float]:
    """Mean of ``values`` and its variance, by effective rows: a row of either side is worth what one of the holdout is."""
    worth = context.holdout.n_effective / max(context.holdout.n, 1)
    return float(values.mean()), float(values.var()) / max(rows.n * worth, 1.0)


def _half(variance: float, gate: Gate, looked_at: int) -> float:
    from statistics import NormalDist

    error = (1 - (gate.confidence or CONFIDENCE)) / looked_at
    return NormalDist().inv_cdf(1 - error / 2) * math.sqrt(variance)


def known_bad(bench: Bench) -> Cases:
    """Holdouts with one outcome, with labels that are not final, and with outcomes that jumped."""
    import numpy as np

    world = bench.world
    one_outcome = World(
        world.task, world.y_train, np.full_like(world.y_holdout, world.y_holdout[0]), world.signal_train, world.signal_holdout
    )
    late = MOMENT + timedelta(days=1)
    ends = {LABEL_END: (np.full(len(world.y_train), late, object), np.full(len(world.y_holdout), late, object))}

    blind = make_bundle(world.task, _constant(world), {"signal": "float64"})

    def immature() -> GateContext:
        score, features = reading(world.task, "p")
        perfect = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))
        return bench.context(make_bundle(world.task, score, features), make_set(world, {**perfect, **ends}), as_of=MOMENT)

    return Cases(
        bad=[
            ("a holdout with one outcome", lambda: bench.claiming(True, world=one_outcome)),
            ("labels that are final after the model's time only", immature),
            ("outcomes that jumped while the features did not", lambda: bench.context(blind, make_set(_jumped(world, bench.gate), {}))),
        ],
        good=[("a holdout like the training rows", lambda: bench.claiming(True))],
        every=True,
    )


def _constant(world: World) -> Any:
    """The score of a model that says the same of every row."""
    import numpy as np

    one = world.predictions(world.y_train[:1])
    return lambda frame: np.repeat(one, len(frame), axis=0)


def _jumped(world: World, gate: Gate) -> World:
    """The same world where nearly all outcomes of the training rows are of the first class and of the holdout of the last."""
    import numpy as np

    k = len(CLASSES[world.task])
    if not k:
        moved = world.y_holdout + (2 + 2 * (gate.max_jump or 1.0)) * world.y_train.std()
        return World(world.task, world.y_train, moved, world.signal_train, world.signal_holdout)
    y_train, y_holdout = np.zeros_like(world.y_train), np.full_like(world.y_holdout, k - 1)
    y_train[: 10 * k] = np.arange(10 * k) % k
    y_holdout[: 10 * k] = np.arange(10 * k) % k
    return World(world.task, y_train, y_holdout, world.signal_train, world.signal_holdout)
