"""LightGBM parameters as training takes them: defaults, and those of a definition under their canonical names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.errors import nearest
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.lightgbm_parameters import ALIASES, CANONICAL, OBJECTIVES, SET_BY_TRAINING

WHERE = "training.estimator.lightgbm"

DEFAULTS: dict[str, Any] = {"num_boost_round": 200, "learning_rate": 0.05, "num_leaves": 31}
"""Beside LightGBM's own defaults. Leaf sizes follow the number of rows: :func:`size_defaults`."""


def size_defaults(rows: int) -> dict[str, int]:
    """Leaf sizes that let small data be learned at all, and reach LightGBM's own defaults from 400 and 2,000 rows on."""
    return {"min_data_in_leaf": min(20, max(3, rows // 20)), "min_data_per_group": min(100, max(5, rows // 20))}


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
