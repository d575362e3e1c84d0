"""Cases that each gate must refuse and cases that it must let pass, made for one model's own settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.gates import GateContext
from mlops_assets.modeling.synthetic import CLASSES, World, make_bundle, make_set, prediction_columns, reading
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.data.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.spec.model import Model

    Array = np.ndarray[Any, np.dtype[Any]]

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
LEVELS = (1.0, 0.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5)
"""Shares of certain, correct predictions of the made-up models, the best and the worst first."""


@dataclass(frozen=True)
class Cases:
    """Named cases. With ``every`` each bad case must be refused; else they are attempts, of which one is enough."""

    bad: Sequence[tuple[str, Callable[[], GateContext]]]
    good: Sequence[tuple[str, Callable[[], GateContext]]]
    every: bool = False


@dataclass(frozen=True)
class Bench:
    """Makes the cases of one gate of one model."""

    model: Model
    gate: Gate
    folder: Path
    world: World = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "world", World.make(self.model.task))

    def context(self, bundle: Bundle, training_set: TrainingSet, champion: Bundle | None = None, **more: Any) -> GateContext:
        return GateContext(self.model, bundle, training_set, None, champion, self.folder, self.model.training.seed, **more)

    def claiming(self, right: Array | bool, *, columns: Any = None, world: World | None = None) -> GateContext:
        """A model whose certain predictions are correct where ``right`` says so."""
        return self.predicting((world or self.world).predictions((world or self.world).y_holdout, right), columns=columns, world=world)

    def predicting(self, prediction: Array, *, columns: Any = None, world: World | None = None, champion: bool = False) -> GateContext:
        """A model with these predictions; with ``champion`` beside one that is always right."""
        world = world or self.world
        perfect = world.predictions(world.y_train), world.predictions(world.y_holdout)
        score, features = reading(world.task, "p")
        both = {**(columns or {}), **prediction_columns("p", perfect[0], prediction), **prediction_columns("c", *perfect)}
        bundle = make_bundle(world.task, score, features)
        other = make_bundle(world.task, *reading(world.task, "c")) if champion else None
        return self.context(bundle, make_set(world, both), other)

    def knowing_nothing(self, *, world: World | None = None) -> Array:
        """Predictions around those of the naive model that have nothing to do with the outcome."""
        import numpy as np

        y = (world or self.world).y_holdout
        random = np.random.default_rng(1)
        if self.model.task == "binary_classification":
            return random.uniform(0.4, 0.6, len(y))
        if self.model.task == "multiclass_classification":
            weight = random.uniform(0.8, 1.2, (len(y), len(CLASSES[self.model.task])))
            result: Array = weight / weight.sum(axis=1, keepdims=True)
            return result
        around: Array = y.mean() + random.normal(0, 0.5, len(y))
        return around

    def levels(self, inside: Array | None = None, columns: Any = None) -> list[tuple[str, Callable[[], GateContext]]]:
        """Models that are right for a share of the rows ``inside`` (default: all), and right everywhere else."""
        import numpy as np

        inside = np.ones(len(self.world.y_holdout), bool) if inside is None else inside
        place = np.cumsum(inside) - 1
        period = 100 * max(1, len(CLASSES[self.model.task]))

        def at(share: float) -> Callable[[], GateContext]:
            right = ~inside | (place // max(1, period // 100) % 100 < round(100 * share))
            return lambda: self.claiming(right, columns=columns)

        return [(f"a model that is right for {share:.0%} of the rows", at(share)) for share in LEVELS]


def _beats_naive(bench: Bench) -> Cases:
    return Cases(
        bad=[("predictions that have nothing to do with the outcome", lambda: bench.predicting(bench.knowing_nothing()))],
        good=[("a model that is right", lambda: bench.claiming(True))],
    )


def _champion(bench: Bench) -> Cases:
    world = bench.world
    right = world.predictions(world.y_holdout)
    return Cases(
        bad=[
            ("a model that is always wrong, beside a champion that is right", lambda: bench.predicting(_wrong(world), champion=True)),
            (
                "a model that knows nothing, beside a champion that is right",
                lambda: bench.predicting(bench.knowing_nothing(), champion=True),
            ),
        ],
        good=[("a model that is as good as the champion", lambda: bench.predicting(right, champion=True))],
    )


def _calibration(bench: Bench) -> Cases:
    return Cases(
        bad=[("a model that is certain and wrong", lambda: bench.predicting(_wrong(bench.world)))],
        good=[("a model that is certain and right", lambda: bench.claiming(True))],
    )


def _label_quality(bench: Bench) -> Cases:
    import numpy as np

    world = bench.world
    one_outcome = World(
        world.task, world.y_train, np.full_like(world.y_holdout, world.y_holdout[0]), world.signal_train, world.signal_holdout
    )
    late = AS_OF + timedelta(days=1)
    ends = {"__label_end": (np.full(len(world.y_train), late, object), np.full(len(world.y_holdout), late, object))}

    def immature() -> GateContext:
        score, features = reading(world.task, "p")
        perfect = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))
        return bench.context(make_bundle(world.task, score, features), make_set(world, {**perfect, **ends}), as_of=AS_OF)

    return Cases(
        bad=[
            ("a holdout with one outcome", lambda: bench.claiming(True, world=one_outcome)),
            ("labels that are final after the model's time only", immature),
            ("outcomes that jumped", lambda: bench.claiming(True, world=_jumped(world, bench.gate))),
        ],
        good=[("a holdout like the training rows", lambda: bench.claiming(True))],
        every=True,
    )


def _consistency(bench: Bench) -> Cases:
    world = bench.world
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", *(world.predictions(y) * 0.5 + 0.25 for y in (world.y_train, world.y_holdout)))
    if world.task == "multiclass_classification":
        columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def scoring(alone: float) -> Callable[[], GateContext]:
        return lambda: bench.context(make_bundle(world.task, score, features, alone=alone), make_set(world, columns))

    return Cases(
        bad=[("a model that scores single rows a billionth higher", scoring(1e-9))],
        good=[("a model that scores single rows the same", scoring(0.0))],
    )


def _leakage(bench: Bench) -> Cases:
    import numpy as np

    from mlops_assets.modeling.synthetic import TRAIN_ROWS

    world, model = bench.world, bench.model
    sides = (world.y_train, world.y_holdout)
    honest = make_bundle(world.task, _guess_from_signal(world), {"signal": "float64"})
    groups = {c: _ids(world, 0) for c in model.training.group_by}
    random = np.random.default_rng(2)
    copies = []
    for y in sides:
        copy = np.array(y, dtype=float)
        flipped = random.permutation(len(y))[: len(y) // 50]
        copy[flipped] = (
            (copy[flipped] + 1) % max(2, len(CLASSES[world.task])) if CLASSES[world.task] else random.permutation(y)[: len(flipped)]
        )
        copies.append(copy)
    copied = make_bundle(world.task, _guess_from_signal(world), {"signal": "float64", "copy": "float64"})
    moments = {
        "__as_of": tuple(np.full(len(y), AS_OF + timedelta(days=30 * side), object) for side, y in enumerate(sides)),
        "__label_end": tuple(np.full(len(y), AS_OF + timedelta(days=30 * side + 31), object) for side, y in enumerate(sides)),
    }

    def case(bundle: Bundle, columns: Any = None, entity: tuple[str, ...] = (), retrain: Any = None) -> Callable[[], GateContext]:
        training_set = make_set(world, {**groups, **(columns or {})}, entity)
        return lambda: bench.context(bundle, training_set, retrain=retrain or _relearn(world))

    bad = [
        ("the target copied into a feature, 2 % of it flipped", case(copied, {"copy": tuple(copies)})),
        ("the same entity on both sides", case(honest, {"entity": _ids(world, TRAIN_ROWS)}, ("entity",))),
        ("training labels that look into the holdout", case(honest, moments)),
        ("a training that sees the holdout's outcomes", case(honest, retrain=lambda training_set, folder: _peeking(world))),
    ]
    if model.training.group_by:
        bad.append(("a group on both sides", case(honest, {c: _ids(world, TRAIN_ROWS) for c in model.training.group_by})))
    return Cases(bad=bad, good=[("a model with one honest feature", case(honest, {"entity": _ids(world, 0)}, ("entity",)))], every=True)


def _metric(bench: Bench) -> Cases:
    import numpy as np

    gate, world = bench.gate, bench.world
    if gate.versus == "champion":
        return _champion(bench)
    if gate.versus == "naive":
        return Cases(
            bad=[*_beats_naive(bench).bad, ("a model that is always wrong", lambda: bench.predicting(_wrong(world)))],
            good=_beats_naive(bench).good,
        )
    shifted = [
        (f"a model that is off by {shift:g}", lambda shift=shift: bench.predicting(world.y_holdout + shift))
        for shift in _shifts(gate)
        if not CLASSES[world.task]
    ]
    if gate.slice is None:
        return Cases(bad=[*bench.levels(), *shifted], good=[*bench.levels(), *shifted])
    half = np.arange(len(world.y_holdout)) // 6 % 2 == 1
    columns = {gate.slice: (np.full(len(world.y_train), "one", object), np.where(half, "two", "one").astype(object))}
    levels = bench.levels(half, columns)
    bad = [(f"{title} of one slice", make) for title, make in levels]
    return Cases(bad=bad, good=[*bench.levels(None, columns)])


def _fairness(bench: Bench) -> Cases:
    import numpy as np

    gate, world = bench.gate, bench.world
    n = len(world.y_holdout)
    group = np.arange(n) // 2 % 2
    turn = np.arange(n) // 4 % 5
    selected = np.where(world.y_holdout == 1, turn < 3, turn < 1)
    columns = {
        str(gate.attribute): (np.full(len(world.y_train), "one", object), np.where(group == 1, "two", "one").astype(object)),
        "block": (np.arange(len(world.y_train)) + n, np.arange(n) // 20),
    }

    def choosing(chosen: Array) -> Callable[[], GateContext]:
        def make() -> GateContext:
            score, features = reading(world.task, "p")
            both = {**columns, **prediction_columns("p", world.y_train, chosen.astype(float))}
            return bench.context(make_bundle(world.task, score, features), make_set(world, both, ("block",)))

        return make

    unfair = ("a model that selects one group only", choosing(selected & (group == 0)))
    fair = ("a model that treats both groups alike", choosing(selected))
    return Cases(bad=[unfair, fair], good=[fair, unfair])


def _robustness(bench: Bench) -> Cases:
    import numpy as np

    world = bench.world
    known = {round(float(v), 12): i for i, v in enumerate(world.signal_holdout)}
    right, wrong = world.predictions(world.y_holdout), _wrong(world)

    def brittle(frame: Any) -> Array:
        places = [known.get(round(float(v), 12) if v is not None else np.nan) for v in frame["signal"]]
        return np.array([right[i] if i is not None else wrong[row % len(wrong)] for row, i in enumerate(places)])

    def steady(frame: Any) -> Array:
        return right[: len(frame)]

    def case(score: Any) -> Callable[[], GateContext]:
        return lambda: bench.context(make_bundle(world.task, score, {"signal": "float64"}), make_set(world, {}))

    return Cases(
        bad=[("a model that knows the rows by heart", case(brittle))],
        good=[("a model that does not depend on the features", case(steady))],
    )


def _latency(bench: Bench) -> Cases:
    world, limit = bench.world, float(bench.gate.at_most or 0.0)
    quick = min(1.0, limit / 2)
    score, features = reading(world.task, "p")
    columns = prediction_columns("p", world.predictions(world.y_train), world.predictions(world.y_holdout))

    def taking(milliseconds: float) -> Callable[[], GateContext]:
        now = [0.0]

        def wait() -> None:
            now[0] += milliseconds / 1000

        bundle = make_bundle(world.task, score, features, before_row=wait)
        return lambda: bench.context(bundle, make_set(world, columns), clock=lambda: now[0])

    return Cases(
        bad=[(f"a model that takes {2 * limit:g} ms a row", taking(2 * limit))],
        good=[(f"a model that takes {quick:g} ms a row", taking(quick))],
    )


def _python(bench: Bench) -> Cases:
    levels = [*bench.levels(), ("predictions that have nothing to do with the outcome", lambda: bench.predicting(bench.knowing_nothing()))]
    return Cases(bad=levels, good=levels)


def _wrong(world: World) -> Array:
    return world.predictions(world.y_holdout, False)


def _shifts(gate: Gate) -> list[float]:
    """Errors that lie beyond the limits of a gate on either side, and between them."""
    limits = [limit for limit in (gate.at_least, gate.at_most) if limit is not None]
    far = 10 * max(1.0, *(abs(limit) for limit in limits))
    middle = sum(limits) / len(limits)
    return [far, -far, middle, -middle]


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


def _ids(world: World, shared: int) -> tuple[Array, Array]:
    """Keys of both sides, of which the first ``shared`` of the holdout occur in training too."""
    import numpy as np

    train, holdout = len(world.y_train), len(world.y_holdout)
    return np.arange(train), np.arange(holdout) + (0 if shared else train)


def _guess_from_signal(world: World, slope: float = 0.5) -> Callable[[Any], Array]:
    """Predictions that rise with ``signal``."""
    import numpy as np

    def score(frame: Any) -> Array:
        signal = frame["signal"].to_numpy(float)
        if world.task == "binary_classification":
            result: Array = 1 / (1 + np.exp(-slope * (signal - 0.5)))
            return result
        if world.task == "multiclass_classification":
            weight = np.exp(-np.square(signal[:, None] - np.arange(len(CLASSES[world.task]))) * slope)
            result = weight / weight.sum(axis=1, keepdims=True)
            return result
        result = slope * signal
        return result

    return score


def _relearn(world: World) -> Any:
    """A training that learns the slope of the outcome over ``signal`` by least squares."""
    import numpy as np

    def retrain(training_set: TrainingSet, folder: Path) -> Bundle:
        rows = training_set.split("train").to_pandas()
        classes = CLASSES[world.task]
        y = rows["__target"].map({c: i for i, c in enumerate(classes)}) if classes else rows["__target"]
        slope = float(np.polyfit(rows["signal"].to_numpy(float), y.to_numpy(float), 1)[0])
        return make_bundle(world.task, _guess_from_signal(world, slope), {"signal": "float64"})

    return retrain


def _peeking(world: World) -> Bundle:
    """A model that has the outcomes of the holdout."""
    right = world.predictions(world.y_holdout)
    return make_bundle(world.task, lambda frame: right, {"signal": "float64"})


CASES: dict[str, Callable[[Bench], Cases]] = {
    "beats_naive": _beats_naive,
    "leakage": _leakage,
    "champion": _champion,
    "calibration": _calibration,
    "label_quality": _label_quality,
    "consistency": _consistency,
    "metric": _metric,
    "fairness": _fairness,
    "robustness": _robustness,
    "latency": _latency,
    "python": _python,
}
