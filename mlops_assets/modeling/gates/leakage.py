"""Refuses a model that may have seen what it is judged on.

* a feature that alone almost decides the target: a score of 0.95 or more for classification, 0.98 for regression (see
  :mod:`~mlops_assets.modeling.single_feature`), or what the gate's `at_most` says. Named with its score. Where the rows are so few
  that the score's lower bound is more than 0.05 below that limit, it is inconclusive;
* a better score than chance after training on shuffled labels (:mod:`~mlops_assets.modeling.gates.shuffled_labels`);
* the same entity at the same as-of time in training and holdout, or a shared group where `group_by` is declared;
* a label window of a training row that reaches past the first as-of time of the holdout;
* training rows in an undated holdout: more of its rows have an equal in training, target included, than the training rows among
  themselves. Two different cases may look alike, but a fair draw gives both sides as many such. Where rows are dated, a case may come again
  unchanged, and equal rows are only counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.calibration import wilson
from mlops_assets.modeling.distinct import groups_of
from mlops_assets.modeling.gate_result import GateResult, Status, worst
from mlops_assets.modeling.gates.bench import MOMENT, Bench, Case, Cases
from mlops_assets.modeling.gates.context import MIN_N, GateContext
from mlops_assets.modeling.gates.limits import sentence
from mlops_assets.modeling.holdout import AS_OF, LABEL_END, TARGET
from mlops_assets.modeling.single_feature import LIMIT_CLASSES, LIMIT_NUMBER, SLACK, score_features
from mlops_assets.modeling.synthetic import CLASSES, World, make_bundle, make_set
from mlops_assets.spec.gates import Gate

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle

    Array = np.ndarray[Any, np.dtype[Any]]

SHOWN = 10
EQUAL_FLOOR, EQUAL_CONFIDENCE = 0.01, 0.998
"""Excess share of holdout rows with an equal in training that counts, and how surely both shares must be apart."""


@dataclass(frozen=True)
class Finding:
    """One check: its status, what it found in words, and its numbers."""

    status: Status
    text: str
    data: dict[str, Any] = field(default_factory=dict)


def judge(context: GateContext, name: str, gate: Gate) -> GateResult:
    """The worst of all checks decides; every one that did not pass is named."""
    holdout = context.holdout
    limit = gate.at_most if gate.at_most is not None else LIMIT_CLASSES if holdout.classes else LIMIT_NUMBER
    single, best = _single_features(context, limit, gate.min_n or MIN_N)
    found = {
        "single_feature": single,
        "shuffled_labels": _shuffled(context),
        "shared_rows": _shared_rows(context),
        "label_windows": _label_windows(context),
        "groups": _groups(context),
        "equal_rows": _equal_rows(context),
    }
    status = worst(finding.status for finding in found.values())
    named = [finding.text for finding in found.values() if finding.status in ("fail", "inconclusive")]
    return GateResult(
        name,
        status,
        best,
        f"no single feature scores {limit:g} or more, shuffled labels score no better than chance, training and holdout share nothing",
        None,
        holdout.n,
        holdout.n_effective,
        sentence(named or [single.text]),
        {key: {"status": f.status, "detail": f.text, **f.data} for key, f in found.items()},
    )


def _single_features(context: GateContext, limit: float, min_n: int) -> tuple[Finding, float | None]:
    holdout = context.holdout
    if not holdout.n:
        return Finding("inconclusive", "the holdout is empty"), None
    scores = [s for s in score_features(holdout, list(context.bundle.signature.features)) if math.isfinite(s.score)]
    if not scores:
        return Finding("inconclusive", "the holdout has one outcome only, so no feature can be scored"), None
    data = {"limit": limit, "scores": [asdict(score) for score in scores[:SHOWN]]}
    best = scores[0]
    deciding = [s for s in scores if s.score >= limit]
    sure = [s for s in deciding if s.low >= limit - SLACK]
    if sure:
        text = ", ".join(f"{s.name} ({s.score:.3f})" for s in sure)
        return Finding("fail", f"almost decides the target alone: {text}", data), best.score
    if deciding:
        text = ", ".join(f"{s.name} ({s.score:.3f})" for s in deciding)
        return Finding(
            "inconclusive", f"may decide the target alone, but {holdout.n_effective:.0f} effective rows are too few to say: {text}", data
        ), best.score
    if holdout.n_effective < min_n:
        return Finding("inconclusive", f"{holdout.n_effective:.0f} effective rows are fewer than {min_n}", data), best.score
    return Finding("pass", f"the best single feature is {best.name} with {best.score:.3f}", data), best.score


def _shuffled(context: GateContext) -> Finding:
    from mlops_assets.errors import MlopsError
    from mlops_assets.modeling.gates.shuffled_labels import score_shuffled

    if not context.holdout.n:
        return Finding("inconclusive", "the holdout is empty")
    try:
        shuffled = score_shuffled(context)
    except MlopsError as error:
        return Finding("inconclusive", f"training on shuffled labels failed: {error}")
    text = f"trained on shuffled labels it scores {shuffled.metric} {shuffled.mean:.3f}, where chance is {shuffled.chance:g}"
    text = f"{text} (mean of {len(shuffled.scores)} with mirrors)" if len(shuffled.scores) > 1 else text
    data = {**asdict(shuffled), "error": shuffled.error if math.isfinite(shuffled.error) else None}
    if shuffled.suspicious and not shuffled.leaks:
        return Finding("inconclusive", f"{text}, and the holdout has too few cases to say whether that is more", data)
    return Finding("fail" if shuffled.leaks else "pass", text, data)


def _shared_rows(context: GateContext) -> Finding:
    train, judged = context.holdout.train.table, context.holdout.rows.table
    keys = [column for column in context.training_set.entity if column in judged]
    if not keys:
        return Finding("not_applicable", "the examples have no entity")
    keys = [*keys, *([AS_OF] if AS_OF in judged and judged[AS_OF].notna().any() else [])]
    shared = twins(train, judged, keys)
    if not shared:
        return Finding("pass", "training and holdout share no entity at the same time", {"shared": 0})
    return Finding(
        "fail", f"{shared} of {len(judged)} holdout rows have the same {' and '.join(keys)} as a training row", {"shared": shared}
    )


def _groups(context: GateContext) -> Finding:
    groups = list(context.model.training.group_by)
    if not groups:
        return Finding("not_applicable", "no group_by is declared")
    train, judged = context.holdout.train.table, context.holdout.rows.table
    if absent := [column for column in groups if column not in judged]:
        return Finding("inconclusive", f"the training set does not carry the group column {absent[0]}")
    shared = {column: n for column in groups if (n := twins(train, judged, [column]))}
    if not shared:
        return Finding("pass", f"training and holdout share no value of {', '.join(groups)}")
    text = ", ".join(f"{column} ({n} holdout rows)" for column, n in shared.items())
    return Finding("fail", f"training and holdout share values of {text}", {"shared": shared})


def _label_windows(context: GateContext) -> Finding:
    import pandas as pd

    train, judged = context.holdout.train.table, context.holdout.rows.table
    if AS_OF not in judged or LABEL_END not in train or not judged[AS_OF].notna().any() or not train[LABEL_END].notna().any():
        return Finding("not_applicable", "the examples are undated")
    first = pd.to_datetime(judged[AS_OF], utc=True).min()
    late = int((pd.to_datetime(train[LABEL_END], utc=True) > first).sum())
    if not late:
        return Finding("pass", "every training label was final before the holdout begins")
    return Finding("fail", f"{late} training labels look past {first.isoformat()}, where the holdout begins", {"late": late})


def _equal_rows(context: GateContext) -> Finding:
    """Rows whose features and target all agree, of the holdout with training rows and of these with each other."""
    import numpy as np
    import pandas as pd

    train, judged = context.holdout.train.table, context.holdout.rows.table
    if train.empty or judged.empty:
        return Finding("not_applicable", "one side is empty")
    columns = [*context.bundle.signature.names, TARGET]
    group = groups_of(pd.concat([train[columns], judged[columns]], ignore_index=True))
    learned, held = group[: len(train)], group[len(train) :]
    size = np.bincount(learned, minlength=int(group.max()) + 1)
    shared = int((size[held] > 0).sum())
    among = int((size[learned] > 1).sum())
    data = {"shared": shared, "among_training": among}
    text = f"{shared} of {len(judged)} holdout rows have an equal in training, {among} of {len(train)} training rows another"
    if AS_OF in judged and judged[AS_OF].notna().any():
        return Finding("not_applicable", f"{text}; they are dated, so a case may come again", data)
    low = wilson(shared / len(judged), len(np.unique(held)), EQUAL_CONFIDENCE)[0]
    high = wilson(among / len(train), len(np.unique(learned)), EQUAL_CONFIDENCE)[1]
    return Finding("fail" if low > high + EQUAL_FLOOR else "pass", text, data)


def twins(train: pd.DataFrame, judged: pd.DataFrame, columns: list[str]) -> int:
    """How many rows of ``judged`` have a twin in ``train``, which agrees in all ``columns``."""
    import numpy as np
    import pandas as pd

    if train.empty or judged.empty:
        return 0
    groups = groups_of(pd.concat([train[columns], judged[columns]], ignore_index=True))
    return int(np.isin(groups[len(train) :], groups[: len(train)]).sum())


def known_bad(bench: Bench) -> Cases:
    """A copied target, shared entities and groups, labels that look ahead, and a training that does."""
    import numpy as np

    world, model = bench.world, bench.model
    sides = (world.y_train, world.y_holdout)
    honest = make_bundle(world.task, _guess_from_signal(world), {"signal": "float64"})
    groups = {c: _ids(world) for c in model.training.group_by}
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
        AS_OF: tuple(np.full(len(y), MOMENT + timedelta(days=30 * side), object) for side, y in enumerate(sides)),
        LABEL_END: tuple(np.full(len(y), MOMENT + timedelta(days=30 * side + 31), object) for side, y in enumerate(sides)),
    }

    def case(bundle: Bundle, columns: Any = None, entity: tuple[str, ...] = (), retrain: Any = None) -> Case:
        training_set = make_set(world, {**groups, **(columns or {})}, entity)
        return lambda: bench.context(bundle, training_set, retrain=retrain or _relearn(world))

    repeated = make_set(_repeated(world), groups)
    bad = [
        ("the target copied into a feature, 2 % of it flipped", case(copied, {"copy": tuple(copies)})),
        ("the same entity on both sides", case(honest, {"entity": _ids(world, shared=True)}, ("entity",))),
        ("training labels that look into the holdout", case(honest, moments)),
        ("a third of the holdout taken from the training rows", lambda: bench.context(honest, repeated, retrain=_relearn(world))),
        ("a training that sees the holdout's outcomes", case(honest, retrain=lambda training_set, folder: _peeking(world))),
    ]
    if model.training.group_by:
        bad.append(("a group on both sides", case(honest, {c: _ids(world, shared=True) for c in model.training.group_by})))
    return Cases(bad=bad, good=[("a model with one honest feature", case(honest, {"entity": _ids(world)}, ("entity",)))], every=True)


def _repeated(world: World) -> World:
    """The same world where the first third of the holdout are the first training rows again."""
    y_holdout, signal = world.y_holdout.copy(), world.signal_holdout.copy()
    third = min(len(y_holdout) // 3, len(world.y_train))
    y_holdout[:third], signal[:third] = world.y_train[:third], world.signal_train[:third]
    return World(world.task, world.y_train, y_holdout, world.signal_train, signal)


def _ids(world: World, *, shared: bool = False) -> tuple[Array, Array]:
    """Keys of both sides; with ``shared`` those of the holdout count from the first of training."""
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
