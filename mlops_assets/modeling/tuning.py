"""The search for parameters: seeded, pruned by fold, on folds inside the training rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.errors import nearest
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.metrics import GREATER_IS_BETTER, SIGNED, metric_names
from mlops_assets.spec.training import SearchRange, Tune

if TYPE_CHECKING:
    import optuna

    from mlops_assets.modeling.estimators.protocol import Recipe
    from mlops_assets.modeling.learner import Learner

WHERE = "training.tune"

STARTUP_TRIALS = 5
"""Trials that are never pruned, so that there is a median to compare with."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    Attributes:
        number: from 0. Trial 0 is the spec's own parameters, so a search never ends below them on its folds.
        params: what differs from the spec.
        value: mean of the metric over the folds; None if pruned or failed.
        state: complete, pruned (worse than the median of earlier trials on the same folds) or failed.
        seconds: wall clock.
        folds: metric by fold, as far as it got.
        message: why it failed.
    """

    number: int
    params: dict[str, Any]
    value: float | None
    state: Literal["complete", "pruned", "failed"]
    seconds: float
    folds: tuple[float, ...] = ()
    message: str | None = None


def search(
    learner: Learner, recipe: Recipe, tune: Tune, *, on_trial: Callable[[Trial], None] | None = None
) -> tuple[Recipe, tuple[Trial, ...]]:
    """Try settings and return the best recipe with all trials.

    A tree-structured Parzen estimator (Bergstra et al. 2011) proposes; a trial whose running mean after a fold is worse than the median of
    earlier ones at that fold is pruned (Golovin et al. 2017). The same rows, spec and seed give the same trials unless a time
    limit ends them. Models are compared without calibration, by log loss and Brier score too: mending each trial would cost a training
    more, and of two settings that rank alike the one that needs no mending is the better one.

    Raises:
        ModelingError: for a metric of another task, a space with unknown parameters, or when no trial succeeds.
    """
    import optuna

    metric = tune.metric or learner.model.main_metric
    _check_metric(metric, learner.model.task)
    space = _space(recipe, tune, len(learner.y))
    folds = learner.folds(tune.folds)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize" if GREATER_IS_BETTER[metric] else "minimize",
        sampler=optuna.samplers.TPESampler(seed=learner.model.training.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
    )
    trials: list[Trial] = []
    started = time.monotonic()
    limit = math.inf if tune.timeout is None else _seconds(tune.timeout)
    for number in range(tune.trials):
        if number > 0 and time.monotonic() - started >= limit:
            break
        trials.append(_try(number, study, space, learner, recipe, folds, metric))
        if on_trial is not None:
            on_trial(trials[-1])
    complete = [trial for trial in trials if trial.value is not None]
    if not complete:
        raise ModelingError(
            f"none of {len(trials)} trials gave a value for {metric}; the first: {trials[0].message}",
            where=WHERE,
            do="Look at the trials' messages.",
        )
    sign = -1.0 if GREATER_IS_BETTER[metric] else 1.0
    best = min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    return recipe.with_params(best.params), tuple(trials)


def _try(
    number: int, study: optuna.Study, space: Mapping[str, SearchRange], learner: Learner, recipe: Recipe, folds: Any, metric: str
) -> Trial:
    import optuna

    started = time.perf_counter()
    asked = study.ask()
    params = {} if number == 0 else {name: _suggest(asked, name, choice) for name, choice in sorted(space.items())}
    values: list[float] = []
    state: Literal["complete", "pruned", "failed"] = "complete"
    message = None
    try:
        candidate = recipe.with_params(params) if params else recipe
        for step, fold in enumerate(folds):
            value = _judge(learner, candidate, fold, metric)
            if value is None:
                continue
            values.append(value)
            asked.report(sum(values) / len(values), step)
            if number > 0 and step < len(folds) - 1 and asked.should_prune():
                state = "pruned"
                break
        if not values:
            state, message = "failed", f"{metric} is not defined on any of {len(folds)} folds"
    except ModelingError as error:
        state, message = "failed", str(error)
    value = sum(values) / len(values) if values and state == "complete" else None
    told = {"complete": optuna.trial.TrialState.COMPLETE, "pruned": optuna.trial.TrialState.PRUNED, "failed": optuna.trial.TrialState.FAIL}
    study.tell(asked, value, state=told[state])
    return Trial(number, params, value, state, time.perf_counter() - started, tuple(values), message)


def _judge(learner: Learner, recipe: Recipe, fold: Any, metric: str) -> float | None:
    import numpy as np

    from mlops_assets.modeling.metrics import metric_of

    if learner.target.classes and len(np.unique(learner.y[fold.train])) < 2:
        return None
    encoder, fitted, _ = learner.learn(recipe, fold.train)
    prediction = fitted.predict(encoder.transform(learner.frame.iloc[fold.valid]))
    value = float(metric_of(metric, learner.model.task).compute(learner.y[fold.valid], prediction))
    return value if math.isfinite(value) else None


def _suggest(trial: optuna.Trial, name: str, choice: SearchRange) -> Any:
    if choice.choices is not None:
        return trial.suggest_categorical(name, list(choice.choices))
    low, high = float(choice.low or 0.0), float(choice.high or 0.0)
    if choice.whole:
        return trial.suggest_int(name, math.ceil(low), math.floor(high), log=choice.log)
    return trial.suggest_float(name, low, high, log=choice.log)


def _space(recipe: Recipe, tune: Tune, rows: int) -> dict[str, SearchRange]:
    if tune.space is not None:
        for name, choice in sorted(tune.space.items()):
            _check_range(name, choice)
        recipe.with_params({name: _any_value(choice) for name, choice in tune.space.items()})
        return dict(tune.space)
    found = recipe.space(rows)
    if found is None:
        raise ModelingError(
            "there is no default search space for this estimator.",
            where=f"{WHERE}.space",
            do="Name ranges, for example {C: {low: 0.01, high: 10, log: true}}.",
        )
    return found


def _check_range(name: str, choice: SearchRange) -> None:
    where = f"{WHERE}.space.{name}"
    if choice.choices is not None:
        if not choice.choices:
            raise ModelingError("there is nothing to choose from.", where=where)
        return
    low, high = float(choice.low or 0.0), float(choice.high or 0.0)
    if choice.log and low <= 0:
        raise ModelingError(f"a logarithmic range starts above 0, found {low}.", where=where)
    if choice.whole and math.ceil(low) > math.floor(high):
        raise ModelingError(f"there is no whole number from {low} to {high}.", where=where)


def _any_value(choice: SearchRange) -> Any:
    if choice.choices is not None:
        return choice.choices[0]
    return math.ceil(choice.low or 0.0) if choice.whole else choice.low


def _seconds(limit: Duration) -> float:
    try:
        return float(limit.seconds)
    except ValueError:
        raise ModelingError(
            f"a time limit of {limit} has no fixed length.", where=f"{WHERE}.timeout", do="Write for example 30m."
        ) from None


def _check_metric(metric: str, task: str) -> None:
    valid = metric_names(task)
    if metric in SIGNED or metric not in valid:
        guess = nearest(metric, valid)
        raise ModelingError(
            f"{metric!r} is nothing that a search for {task} can optimise.",
            where=f"{WHERE}.metric",
            valid=[name for name in valid if name not in SIGNED],
            do=f"Did you mean {guess!r}?" if guess and guess != metric else None,
        )
