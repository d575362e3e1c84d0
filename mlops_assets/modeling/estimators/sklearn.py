"""scikit-learn: any classifier with probabilities or any regressor by dotted name, alone or at the end of a pipeline."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import nearest
from mlops_assets.modeling.encoding import Form
from mlops_assets.modeling.estimators.blocks import in_blocks
from mlops_assets.modeling.estimators.protocol import EstimatorKind, Fitted, Matrix, Problem, Recipe
from mlops_assets.modeling.estimators.skops_file import read_skops, write_skops
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.estimators import SklearnStep

if TYPE_CHECKING:
    import numpy as np

FILE = "model.skops"
WHERE = "training.estimator.sklearn"
QUICK_TREES = 30

_BY_ROW = {
    *("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor"),
    *("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor"),
    *("GradientBoostingClassifier", "GradientBoostingRegressor"),
    *("HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "DummyClassifier", "DummyRegressor"),
}
"""Estimators whose arithmetic is per row whatever the shape: scored in one go."""


@dataclass(frozen=True)
class SklearnRecipe(Recipe):
    """Steps by dotted name with keyword arguments.

    A parameter may itself be an estimator, written ``{name: sklearn…, params: {…}}``. Every ``random_state`` that is not given is the
    spec's seed. The matrix is the encoder's numeric form; nothing is scaled unless a step does.
    """

    problem: Problem
    steps: Sequence[SklearnStep]
    changed: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "numeric"

    def __post_init__(self) -> None:
        self._build()

    def params(self, rows: int) -> dict[str, Any]:
        """The steps, and what the search changed."""
        return {"steps": [step.model_dump(mode="json") for step in self.steps], **({"tuned": dict(self.changed)} if self.changed else {})}

    def with_params(self, changed: Mapping[str, Any]) -> SklearnRecipe:
        """The same steps with parameters changed: ``C`` of the last step, or ``logisticregression__C`` of the step so named."""
        return SklearnRecipe(self.problem, self.steps, {**self.changed, **changed})

    def fit(self, data: Matrix) -> SklearnFitted:
        """Train."""
        estimator = self._build()
        arguments: dict[str, Any] = {}
        if data.weight is not None:
            arguments = {self._weight_argument(estimator): data.weight}
        try:
            estimator.fit(data.x, data.y.astype("int64") if self.problem.classes else data.y, **arguments)
        except (ValueError, TypeError, FloatingPointError, MemoryError) as error:
            raise ModelingError(f"{_title(estimator)} refuses to train: {str(error).splitlines()[0]}", where=WHERE) from error
        if self.problem.classes and not hasattr(estimator, "predict_proba"):
            raise _no_probabilities(_last(estimator))
        return SklearnFitted(estimator, self.problem.task, self.problem.classes)

    def _build(self) -> Any:
        from sklearn.pipeline import make_pipeline

        made = [_make(step.name, step.params) for step in self.steps]
        estimator = made[0] if len(made) == 1 else make_pipeline(*made)
        for step in made[:-1]:
            if not hasattr(step, "transform"):
                raise ModelingError(f"{type(step).__name__} transforms nothing; only the last step predicts.", where=WHERE)
        self._check_task(made[-1])
        if self.changed:
            valid = estimator.get_params()
            prefix = "" if len(made) == 1 else f"{estimator.steps[-1][0]}__"
            named = {name if name in valid else f"{prefix}{name}": value for name, value in self.changed.items()}
            for name in named:
                _check_parameter(name, valid, _title(estimator))
            estimator.set_params(**named)
        seeds = {k: self.problem.seed for k, v in estimator.get_params().items() if k.split("__")[-1] == "random_state" and v is None}
        return estimator.set_params(**seeds) if seeds else estimator

    def _check_task(self, last: Any) -> None:
        from sklearn.base import is_classifier, is_regressor

        title = type(last).__name__
        if self.problem.classes == 0:
            if not is_regressor(last):
                raise ModelingError(f"{title} is no regressor, and the task is regression.", where=WHERE, do="Name a regressor.")
        elif not is_classifier(last):
            raise ModelingError(f"{title} is no classifier, and the task is {self.problem.task}.", where=WHERE, do="Name a classifier.")
        elif not hasattr(type(last), "predict_proba"):
            raise _no_probabilities(last)

    def _weight_argument(self, estimator: Any) -> str:
        from sklearn.utils.validation import has_fit_parameter

        if not has_fit_parameter(_last(estimator), "sample_weight"):
            raise ModelingError(
                f"{type(_last(estimator)).__name__} takes no sample weights, but the spec asks for weights.",
                where="training.weights",
                do="Use `weights: none`, or another estimator.",
            )
        return f"{estimator.steps[-1][0]}__sample_weight" if hasattr(estimator, "steps") else "sample_weight"


class SklearnFitted(Fitted):
    """A fitted estimator or pipeline."""

    def __init__(self, estimator: Any, task: str, classes: int) -> None:
        self.estimator = estimator
        self.task = task
        self.classes = classes

    @classmethod
    def read(cls, folder: Path, described: Mapping[str, Any]) -> SklearnFitted:
        """Read what :meth:`write` wrote."""
        return cls(read_skops(folder / described["file"]), described["task"], described["classes"])

    def write(self, folder: Path) -> dict[str, Any]:
        """Write the skops file."""
        write_skops(self.estimator, folder / FILE)
        return {"file": FILE, "task": self.task, "classes": self.classes}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities or numbers, row by row independent, in one thread."""
        import joblib
        import numpy as np

        method = self.estimator.predict if self.task == "regression" else self.estimator.predict_proba
        with joblib.parallel_config(backend="sequential"):
            result: np.ndarray = method(x) if type(self.estimator).__name__ in _BY_ROW else in_blocks(method, x)
        result = np.asarray(result, dtype="float64")
        if self.task == "regression":
            return result.reshape(len(x))
        if result.shape[1] != self.classes:
            seen = np.asarray(self.estimator.classes_).astype("int64")
            whole = np.zeros((len(x), self.classes))
            whole[:, seen] = result
            result = whole
        return result[:, 1] if self.task == "binary_classification" else result

    def importance(self) -> np.ndarray | None:
        """Impurity importance, else the mean absolute coefficient; None where there is neither or a step changed the columns."""
        import numpy as np

        last = _last(self.estimator)
        found = getattr(last, "feature_importances_", None)
        if found is None and (coefficients := getattr(last, "coef_", None)) is not None:
            if hasattr(coefficients, "toarray"):
                coefficients = coefficients.toarray()
            found = np.abs(np.atleast_2d(coefficients)).mean(axis=0)
        return None if found is None or len(found) != self.estimator.n_features_in_ else np.asarray(found, dtype="float64")


KIND = EstimatorKind(
    recipe=lambda declared, problem, definitions: SklearnRecipe(problem, declared),
    read=SklearnFitted.read,
    quick=lambda declared: tuple(step.model_copy(update={"params": _quick(step.params)}) for step in declared),
)


def _quick(params: Mapping[str, Any]) -> dict[str, Any]:
    """The same parameters with at most :data:`QUICK_TREES` trees, and no classes or directions that count more than others."""
    result = {}
    for name, value in params.items():
        if name == "monotonic_cst" or (name == "class_weight" and isinstance(value, Mapping)):
            continue
        if name == "n_estimators" and isinstance(value, int):
            value = min(value, QUICK_TREES)
        result[name] = {**value, "params": _quick(value["params"])} if isinstance(value, Mapping) and "params" in value else value
    return result


def _make(name: str, params: Mapping[str, Any]) -> Any:
    kind = _find(name)
    given = {key: _value(value) for key, value in params.items()}
    valid = inspect.signature(kind).parameters
    for key in given:
        _check_parameter(key, valid, kind.__name__)
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise ModelingError(f"{kind.__name__} refuses its parameters: {error}", where=WHERE) from error


def _value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_value(inner) for inner in value]
    if isinstance(value, Mapping) and isinstance(value.get("name"), str) and set(value) <= {"name", "params"}:
        return _make(value["name"], value.get("params") or {})
    return value


def _find(name: str) -> type:
    from sklearn.base import BaseEstimator

    module, _, attribute = name.rpartition(".")
    found: Any = None
    if module.split(".")[0] == "sklearn":
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ImportError:
            found = None
    if not (isinstance(found, type) and issubclass(found, BaseEstimator)):
        guess = _suggest(attribute)
        raise ModelingError(
            f"{name!r} is no scikit-learn estimator.",
            where=WHERE,
            do=f"Did you mean {guess!r}?" if guess else "For anything else use `python: .module:function`.",
        )
    return found


def _suggest(attribute: str) -> str | None:
    from sklearn.utils import all_estimators

    public = {title: f"{kind.__module__.split('._')[0]}.{title}" for title, kind in all_estimators()}
    guess = nearest(attribute, public)
    return None if guess is None else public[guess]


def _check_parameter(name: str, valid: Any, title: str) -> None:
    if name not in valid:
        guess = nearest(name, valid)
        own = [key for key in valid if "__" not in key or key.split("__")[-1] == name]
        raise ModelingError(
            f"{title} has no parameter {name!r}.",
            where=WHERE,
            valid=() if guess else own,
            do=f"Did you mean {guess!r}?" if guess else None,
        )


def _no_probabilities(last: Any) -> ModelingError:
    title = type(last).__name__
    return ModelingError(
        f"{title} as configured gives no probabilities (it has no predict_proba), which every classification here needs.",
        where=WHERE,
        do=f"Wrap it: {{name: sklearn.calibration.CalibratedClassifierCV, params: {{estimator: {{name: {_public(last)}}}}}}}.",
    )


def _public(estimator: Any) -> str:
    return f"{type(estimator).__module__.split('._')[0]}.{type(estimator).__name__}"


def _last(estimator: Any) -> Any:
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def _title(estimator: Any) -> str:
    return type(_last(estimator)).__name__
