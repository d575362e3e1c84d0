"""From a training set to a bundle. Nothing here reads the holdout's values."""

from __future__ import annotations

import importlib.metadata
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.bundle import Bundle, Provenance, write_bundle
from mlops_assets.modeling.calibrating.choosing import choose
from mlops_assets.modeling.estimators.build import recipe_of
from mlops_assets.modeling.estimators.protocol import Problem
from mlops_assets.modeling.learner import Learner
from mlops_assets.modeling.signature import Feature, ModelingError, Signature, features_of
from mlops_assets.modeling.target import Target
from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.tuning import Trial

TARGET = "__target"
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "skops")
"""Libraries whose versions may change what is learned, whatever the estimator; recorded in the bundle."""


@dataclass(frozen=True)
class Trained:
    """What training yields.

    Attributes:
        bundle: the model, loaded from where it was written.
        trials: what the search tried, in order; empty without a search.
        params: all parameters of the estimator.
        importance: features with their importance, largest first.
        seconds: how long it took.
        rows: number of training rows; ``classes``: how many of each class (empty for regression).
        notes: what a reader should know: features without any value, warnings of the estimator, a map of scores that could not be fitted.
        calibrated: how scores become probabilities: the map and its rows, or why there is none.
    """

    bundle: Bundle
    trials: tuple[Trial, ...]
    params: dict[str, Any]
    importance: list[tuple[str, float]]
    seconds: float
    rows: int
    classes: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    calibrated: str = ""


def train(
    model: Model,
    training_set: TrainingSet,
    folder: Path,
    provenance: Provenance,
    *,
    on_trial: Callable[[Trial], None] | None = None,
    definitions: Path = Path(),
    threads: int | None = None,
) -> Trained:
    """Learn the model from the training rows and write its bundle.

    Args:
        model: the declaration.
        training_set: rows with their split; only ``train`` is read, but for the types of its columns.
        folder: an empty or new directory for the bundle.
        provenance: what the bundle says that it came from; library versions are added.
        on_trial: called after each trial of the search.
        definitions: folder against which ``.module:function`` of a Python estimator is resolved.
        threads: threads to train with; default: the processors of this process. LightGBM gives the same trees for any number.

    Raises:
        ModelingError: when these rows or this definition cannot give a model, with what to change.
    """
    started = time.perf_counter()
    frame = training_set.split("train").to_pandas()
    features = _with_nulls(model, features_of(training_set.features), training_set)
    if len(frame) == 0:
        raise ModelingError("there are no training rows.", where=model.name, do="Widen the window, or see what was dropped and why.")
    target = Target.fit(frame[TARGET], model.task, model.positive)
    problem = Problem(model.task, len(target.classes), model.training.seed, threads or _processors())
    learner = Learner(model, features, tuple(training_set.entity), frame, target.encode(frame[TARGET]), target)
    recipe = recipe_of(model.training.estimator, problem, definitions)
    trials: tuple[Trial, ...] = ()
    if model.training.tune is not None:
        from mlops_assets.modeling.tuning import search

        recipe, trials = search(learner, recipe, model.training.tune, on_trial=on_trial)
    notes: list[str] = []
    encoder, fitted, recipe = learner.learn(recipe, notes=notes)
    calibration = choose(learner, recipe)
    bundle = write_bundle(
        folder,
        signature=Signature(features, tuple(training_set.entity)),
        target=target,
        encoder=encoder,
        provenance=replace(provenance, libraries={**_versions(), **provenance.libraries}),
        rows=len(frame),
        kind=model.training.estimator.kind,
        params=recipe.params(len(frame)),
        fitted=fitted,
        calibration=calibration.map,
    )
    if calibration.lost:
        notes.append(f"calibration: {calibration.said}")
    notes[:0] = [f"feature {name!r} has no value in any training row" for name in encoder.empty_features]
    return Trained(
        bundle=bundle,
        trials=trials,
        params=dict(bundle.params),
        importance=bundle.importance(),
        seconds=time.perf_counter() - started,
        rows=len(frame),
        classes={str(value): int((learner.y == code).sum()) for code, value in enumerate(target.classes)},
        notes=tuple(notes),
        calibrated=calibration.said,
    )


def _with_nulls(model: Model, features: Sequence[Feature], training_set: TrainingSet) -> tuple[Feature, ...]:
    """Mark what may be null in a request: in the full form all, since an entity may have no row; else what is null somewhere."""
    if model.features:
        return tuple(replace(feature, nullable=True) for feature in features)
    return tuple(replace(feature, nullable=_may_be_missing(training_set.table.column(feature.name))) for feature in features)


def _may_be_missing(column: pa.ChunkedArray) -> bool:
    """Whether a value is missing: null, or an empty text, which a model reads as missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        return True
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    return bool(pc.any(pc.equal(column.cast(kind), "")).as_py())


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
