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
from mlops_assets.modeling.encoding import Encoder
from mlops_assets.modeling.estimators.protocol import Fitted, Matrix, Problem, Recipe
from mlops_assets.modeling.folds import folds_of
from mlops_assets.modeling.signature import Feature, ModelingError, Signature, features_of
from mlops_assets.modeling.target import Target
from mlops_assets.modeling.weights import weights_of
from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.data.training_set import TrainingSet
    from mlops_assets.modeling.tuning import Trial

TARGET = "__target"
LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "skops")
"""Libraries whose versions may change what is learned; recorded in the bundle."""

EARLY_STOPPING_FOLDS = 4
"""With early stopping the newest fifth of the training rows (undated: a random quarter) decides the number of trees."""


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
        notes: what a reader should know: features without any value, warnings of the estimator.
    """

    bundle: Bundle
    trials: tuple[Trial, ...]
    params: dict[str, Any]
    importance: list[tuple[str, float]]
    seconds: float
    rows: int
    classes: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


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
    from mlops_assets.modeling.estimators.build import recipe_of

    learner = Learner(model, features, tuple(training_set.entity), frame, target.encode(frame[TARGET]), target)
    recipe = recipe_of(model.training.estimator, problem, definitions)
    trials: tuple[Trial, ...] = ()
    if model.training.tune is not None:
        from mlops_assets.modeling.tuning import search

        recipe, trials = search(learner, recipe, model.training.tune, on_trial=on_trial)
    notes: list[str] = []
    encoder, fitted, recipe = learner.learn(recipe, notes=notes)
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
    )
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
    )


@dataclass(frozen=True)
class Learner:
    """Training rows with all that it takes to learn from some of them: encoder and weights are fitted on those rows alone."""

    model: Model
    features: tuple[Feature, ...]
    entity: tuple[str, ...]
    frame: pd.DataFrame
    y: np.ndarray
    target: Target

    def folds(self, count: int, rows: np.ndarray | None = None) -> list[Any]:
        """Folds of all rows, or of those at positions ``rows``."""
        frame, y = (self.frame, self.y) if rows is None else (self.frame.iloc[rows], self.y[rows])
        training = self.model.training
        return folds_of(
            frame, y, count=count, classes=len(self.target.classes), groups=training.group_by, entity=self.entity, seed=training.seed
        )

    def learn(self, recipe: Recipe, rows: np.ndarray | None = None, *, notes: list[str] | None = None) -> tuple[Encoder, Fitted, Recipe]:
        """Fit encoder and estimator on all rows, or on those at positions ``rows``; warnings are added to ``notes``.

        The recipe that comes back holds the number of trees that early stopping found, if it was asked for.
        """
        import warnings

        frame, y = (self.frame, self.y) if rows is None else (self.frame.iloc[rows], self.y[rows])
        stopped = self._stopped(recipe, rows)
        encoder = Encoder.fit(frame, self.features, form=recipe.form)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = stopped.fit(self._matrix(encoder, frame, y))
        if notes is not None:
            notes.extend(
                sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught if issubclass(w.category, UserWarning)})
            )
        return encoder, fitted, stopped

    def _stopped(self, recipe: Recipe, rows: np.ndarray | None) -> Recipe:
        from mlops_assets.modeling.estimators.lightgbm import LightGBMRecipe

        if not isinstance(recipe, LightGBMRecipe) or recipe.patience is None:
            return recipe
        frame, y = (self.frame, self.y) if rows is None else (self.frame.iloc[rows], self.y[rows])
        fold = self.folds(EARLY_STOPPING_FOLDS, rows)[-1]
        inner = frame.iloc[fold.train]
        encoder = Encoder.fit(inner, self.features, form=recipe.form)
        best = recipe.best_rounds(self._matrix(encoder, inner, y[fold.train]), self._matrix(encoder, frame.iloc[fold.valid], y[fold.valid]))
        return recipe.with_rounds(best)

    def _matrix(self, encoder: Encoder, frame: pd.DataFrame, y: np.ndarray) -> Matrix:
        weight = weights_of(self.model.training.weights, y, len(self.target.classes), frame)
        return Matrix(encoder.transform(frame), y, weight, encoder.names, encoder.categorical)


def _with_nulls(model: Model, features: Sequence[Feature], training_set: TrainingSet) -> tuple[Feature, ...]:
    """Mark what may be null in a request: in the full form all, since an entity may have no row; else what is null somewhere."""
    if model.features:
        return tuple(replace(feature, nullable=True) for feature in features)
    return tuple(replace(feature, nullable=training_set.table.column(feature.name).null_count > 0) for feature in features)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}
