"""LightGBM parameters as training takes them: defaults, what a search tries, and those of a definition under their canonical names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.errors import nearest
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.lightgbm_parameters import ALIASES, CANONICAL, OBJECTIVES, SET_BY_TRAINING
from mlops_assets.spec.training import SearchRange

WHERE = "training.estimator.lightgbm"

DEFAULTS: dict[str, Any] = {"num_boost_round": 200, "learning_rate": 0.05, "num_leaves": 31}
"""Beside LightGBM's own defaults. Leaf sizes follow the number of rows: :func:`size_defaults`."""

SPACE: dict[str, SearchRange] = {
    "num_leaves": SearchRange(low=4, high=64, log=True, whole=True),
    "learning_rate": SearchRange(low=0.02, high=0.2, log=True),
    "num_boost_round": SearchRange(low=50, high=400, log=True, whole=True),
    "min_data_in_leaf": SearchRange(low=3, high=100, log=True, whole=True),
    "feature_fraction": SearchRange(low=0.5, high=1.0),
    "lambda_l2": SearchRange(low=0.001, high=10.0, log=True),
}
"""What a search tries where the spec names no space; leaf sizes stay within the number of rows: :func:`default_space`."""

QUICK_TREES = 30
ONE_SIDED = ("scale_pos_weight", "is_unbalance", "monotone_constraints", "objective")
"""Parameters with which mirrored outcomes may not give the mirrored model."""


def size_defaults(rows: int) -> dict[str, int]:
    """Leaf sizes that let small data be learned at all, and reach LightGBM's own defaults from 400 and 2,000 rows on."""
    return {"min_data_in_leaf": min(20, max(3, rows // 20)), "min_data_per_group": min(100, max(5, rows // 20))}


def default_space(rows: int) -> dict[str, SearchRange]:
    """:data:`SPACE` for so many training rows."""
    return {**SPACE, "min_data_in_leaf": SearchRange(low=3, high=max(4, min(100, rows // 10)), log=True, whole=True)}


def quick(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same parameters with at most :data:`QUICK_TREES` trees, without early stopping and what is :data:`ONE_SIDED`."""
    named = {CANONICAL.get(key, key): value for key, value in given.items()}
    trees = named.get("num_boost_round", QUICK_TREES)
    fewer = {**named, "num_boost_round": min(QUICK_TREES, trees) if isinstance(trees, int) else QUICK_TREES}
    return {key: value for key, value in fewer.items() if key not in ("early_stopping_rounds", *ONE_SIDED)}


def canonical(given: Mapping[str, Any], task: str, where: str = WHERE) -> dict[str, Any]:
    """The same parameters under their canonical names.

    Raises:
        ModelingError: for an unknown parameter (with the nearest), one that training sets itself, one given twice, or an
            objective of another task.
    """
    result: dict[str, Any] = {}
    for key, value in given.items():
        if key in SET_BY_TRAINING:
            raise ModelingError(f"{key!r} is set by training itself.", where=where, do="Leave it out; the seed is `training.seed`.")
        name = CANONICAL.get(key)
        if name is None:
            guess = nearest(key, CANONICAL)
            raise ModelingError(
                f"LightGBM has no parameter {key!r} that a definition may set.",
                where=where,
                do=f"Did you mean {guess!r}?" if guess else f"The valid ones are {', '.join(ALIASES)}.",
            )
        if name in result:
            raise ModelingError(f"{name!r} is given twice, once as {key!r}.", where=where, do="Give it once.")
        result[name] = value
    objective = result.get("objective")
    if objective is not None and objective not in OBJECTIVES[task]:
        raise ModelingError(f"objective {objective!r} does not fit {task}.", where=where, valid=OBJECTIVES[task])
    return result
