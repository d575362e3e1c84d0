"""From a spec's estimator to a recipe, and from a bundle's files back to what was fitted, by the module of its kind."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.modeling.estimators.protocol import EstimatorKind, Fitted, Problem, Recipe
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.estimators import ESTIMATOR_KINDS, Estimator


def kind_of(name: str) -> EstimatorKind:
    """What the module of this kind offers.

    Raises:
        ModelingError: when there is no such kind.
    """
    if name not in ESTIMATOR_KINDS:
        raise ModelingError(f"there is no kind of estimator {name!r}.", valid=ESTIMATOR_KINDS)
    kind: EstimatorKind = importlib.import_module(f"mlops_assets.modeling.estimators.{name}").KIND
    return kind


def recipe_of(estimator: Estimator, problem: Problem, definitions: Path) -> Recipe:
    """The recipe that a definition asks for.

    Args:
        estimator: its ``training.estimator``.
        problem: what is to be learned.
        definitions: folder against which ``.module:function`` is resolved.

    Raises:
        ModelingError: for parameters, names or functions that do not exist or do not fit the task.
    """
    return kind_of(estimator.kind).recipe(estimator.declared, problem, definitions)


def quick(estimator: Estimator) -> Estimator:
    """The same estimator, or the like of it that trains quickly, for when it does not matter how good the model is."""
    return estimator.model_copy(update={estimator.kind: kind_of(estimator.kind).quick(estimator.declared)})


def read_fitted(folder: Path, described: Mapping[str, Any]) -> Fitted:
    """Read a fitted estimator from the verified files of a bundle."""
    return kind_of(described["kind"]).read(folder, described)
