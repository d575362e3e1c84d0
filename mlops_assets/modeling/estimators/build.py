"""From a spec's estimator to a recipe, and from a bundle's files back to what was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlops_assets.modeling.estimators.protocol import Fitted, Problem, Recipe
from mlops_assets.spec.training import Estimator


def recipe_of(estimator: Estimator, problem: Problem, definitions: Path) -> Recipe:
    """The recipe that a definition asks for.

    Args:
        estimator: its ``training.estimator``.
        problem: what is to be learned.
        definitions: folder against which ``.module:function`` is resolved.

    Raises:
        ModelingError: for parameters, names or functions that do not exist or do not fit the task.
    """
    if estimator.lightgbm is not None:
        from mlops_assets.modeling.estimators.lightgbm import LightGBMRecipe

        return LightGBMRecipe(problem, estimator.lightgbm)
    if estimator.sklearn is not None:
        from mlops_assets.modeling.estimators.sklearn import SklearnRecipe

        return SklearnRecipe(problem, estimator.sklearn)
    from mlops_assets.modeling.estimators.python import PythonRecipe

    return PythonRecipe(problem, str(estimator.python), definitions)


def read_fitted(folder: Path, described: Mapping[str, Any]) -> Fitted:
    """Read a fitted estimator from the verified files of a bundle."""
    kind = described["kind"]
    if kind == "lightgbm":
        from mlops_assets.modeling.estimators.lightgbm import LightGBMFitted

        return LightGBMFitted.read(folder, described)
    if kind == "sklearn":
        from mlops_assets.modeling.estimators.sklearn import SklearnFitted

        return SklearnFitted.read(folder, described)
    from mlops_assets.modeling.estimators.python import PythonFitted

    return PythonFitted.read(folder, described)
