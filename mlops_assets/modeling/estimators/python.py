"""Estimators that a Python function builds, and that save and load themselves.

The module that ``training.estimator.python`` names holds two functions::

    def build(*, task, classes, seed, threads, **params): ...   # any subset of these keywords
    def load(folder: Path): ...                                  # the inverse of the estimator's save(folder)

``build`` returns an object with

- ``fit(X, y, sample_weight)``: float64 matrix, class codes 0 … k-1 or numbers, weights with mean 1 or None;
- ``predict(X)``: P(positive) of shape (rows,), probabilities of shape (rows, classes), or numbers of shape (rows,);
- ``save(folder)``: writes files, no pickle;
- optionally ``form``: ``numeric`` (default: no NaN, one-hot) or ``native`` (NaN and category codes, see the encoder),
  ``rowwise = True`` where a row's result does not depend on the matrix's shape, and ``importance()``, one number a column.

``params`` are what a search tries. A module beside the defs.yaml travels inside the bundle; one of an installed package is named by its
digest and must be the same where the bundle is scored. Either is imported when the first row is scored, after its bytes were checked.
"""

from __future__ import annotations

import inspect
import shutil
import types
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import nearest
from mlops_assets.functions import resolve, source_digest
from mlops_assets.modeling.encoding import Form
from mlops_assets.modeling.estimators.blocks import in_blocks
from mlops_assets.modeling.estimators.protocol import EstimatorKind, Fitted, Matrix, Problem, Recipe
from mlops_assets.modeling.signature import ModelingError

if TYPE_CHECKING:
    import numpy as np

WHERE = "training.estimator.python"
STATE = "estimator"
MODULE = "estimator_module.py"
_FORMS = ("numeric", "native")


@dataclass(frozen=True)
class PythonRecipe(Recipe):
    """A builder function and the parameters that a search gives it."""

    problem: Problem
    reference: str
    definitions: Path
    given: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        resolve(self.reference.partition(":")[0] + ":load", self.definitions)
        self._build()

    @property
    def form(self) -> Form:
        """The matrix that the estimator asks for."""
        form: Form = getattr(self._build(), "form", "numeric")
        return form

    def params(self, rows: int) -> dict[str, Any]:
        """The function and what the search gave it."""
        return {"function": self.reference, **self.given}

    def with_params(self, changed: Mapping[str, Any]) -> PythonRecipe:
        """The same builder with parameters changed."""
        return PythonRecipe(self.problem, self.reference, self.definitions, {**self.given, **changed})

    def fit(self, data: Matrix) -> PythonFitted:
        """Build and train."""
        estimator = self._build()
        try:
            estimator.fit(data.x, data.y, data.weight)
        except Exception as error:
            raise ModelingError(f"{self.reference}: fit raises {type(error).__name__}: {error}", where=WHERE) from error
        return PythonFitted(estimator, self.problem.task, self.problem.classes, self.reference, self.definitions)

    def _build(self) -> Any:
        function = resolve(self.reference, self.definitions)
        offered = {"task": self.problem.task, "classes": self.problem.classes, "seed": self.problem.seed, "threads": self.problem.threads}
        parameters = inspect.signature(function).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            offered = {name: value for name, value in offered.items() if name in parameters}
            for name in self.given:
                if name not in parameters:
                    guess = nearest(name, parameters)
                    raise ModelingError(
                        f"{self.reference} has no parameter {name!r}.",
                        where=WHERE,
                        valid=() if guess else parameters,
                        do=f"Did you mean {guess!r}?" if guess else None,
                    )
        try:
            estimator = function(**{**offered, **self.given})
        except Exception as error:
            raise ModelingError(f"{self.reference} raises {type(error).__name__}: {error}", where=WHERE) from error
        if lost := [name for name in ("fit", "predict", "save") if not callable(getattr(estimator, name, None))]:
            raise ModelingError(
                f"what {self.reference} builds has no {' and no '.join(lost)}.", where=WHERE, valid=("fit", "predict", "save")
            )
        if (form := getattr(estimator, "form", "numeric")) not in _FORMS:
            raise ModelingError(f"what {self.reference} builds asks for the form {form!r}.", where=WHERE, valid=_FORMS)
        return estimator


class PythonFitted(Fitted):
    """What a builder's estimator became, checked at every answer."""

    def __init__(self, estimator: Any, task: str, classes: int, reference: str, definitions: Path) -> None:
        self.estimator = estimator
        self.task = task
        self.classes = classes
        self.reference = reference
        self.definitions = definitions

    @classmethod
    def read(cls, folder: Path, described: Mapping[str, Any]) -> PythonFitted:
        """Import the module and let it load its files."""
        reference = described["function"]
        if described["module"] is not None:
            load = _module_of(folder / described["module"]).load
        else:
            load = resolve(reference.partition(":")[0] + ":load", folder)
            if source_digest(reference, folder) != described["source_digest"]:
                raise ModelingError(
                    f"the installed {reference.partition(':')[0]} is not the code that trained this model.",
                    where=str(folder),
                    do="Install the version that trained it.",
                )
        try:
            estimator = load(folder / STATE)
        except Exception as error:
            raise ModelingError(f"load of {reference} raises {type(error).__name__}: {error}", where=str(folder)) from error
        return cls(estimator, described["task"], described["classes"], reference, folder)

    def write(self, folder: Path) -> dict[str, Any]:
        """Let the estimator save itself, and put its module beside."""
        state = folder / STATE
        state.mkdir()
        try:
            self.estimator.save(state)
        except Exception as error:
            raise ModelingError(f"save of {self.reference} raises {type(error).__name__}: {error}", where=WHERE) from error
        _refuse_pickle(state)
        module = self.reference.partition(":")[0]
        if module.startswith("."):
            shutil.copyfile(self.definitions.joinpath(*module.lstrip(".").split(".")).with_suffix(".py"), folder / MODULE)
        return {
            "function": self.reference,
            "module": MODULE if module.startswith(".") else None,
            "source_digest": source_digest(self.reference, self.definitions),
            "task": self.task,
            "classes": self.classes,
        }

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Score, and check shape and range of what comes back."""
        import numpy as np

        try:
            raw = self.estimator.predict(x) if getattr(self.estimator, "rowwise", False) else in_blocks(self.estimator.predict, x)
            result = np.asarray(raw, dtype="float64")
        except ModelingError:
            raise
        except Exception as error:
            raise ModelingError(f"predict of {self.reference} raises {type(error).__name__}: {error}", where=WHERE) from error
        shape = (len(x), self.classes) if self.task == "multiclass_classification" else (len(x),)
        if result.shape != shape:
            raise ModelingError(f"predict of {self.reference} returns shape {result.shape}, not {shape}.", where=WHERE)
        if not np.isfinite(result).all():
            raise ModelingError(f"predict of {self.reference} returns values that are no finite numbers.", where=WHERE)
        if self.task != "regression" and (result.min() < 0 or result.max() > 1):
            raise ModelingError(f"predict of {self.reference} returns probabilities outside 0 to 1.", where=WHERE)
        return result

    def importance(self) -> np.ndarray | None:
        """What the estimator says, if it says anything."""
        import numpy as np

        found = getattr(self.estimator, "importance", None)
        return np.asarray(found(), dtype="float64") if callable(found) else None


KIND = EstimatorKind(
    recipe=lambda declared, problem, definitions: PythonRecipe(problem, declared, definitions), read=PythonFitted.read, runs_code=True
)


def _module_of(path: Path) -> types.ModuleType:
    """Run a module from exactly the bytes in the bundle: no cached bytecode is read or written."""
    module = types.ModuleType("_mlops_bundle_estimator")
    module.__file__ = str(path)
    exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    return module


def _refuse_pickle(folder: Path) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            head = stream.read(2)
        pickled = len(head) == 2 and head[0] == 0x80 and 2 <= head[1] <= 5
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                pickled = any(name.endswith((".pkl", ".pickle")) for name in archive.namelist())
        if pickled or path.suffix in (".pkl", ".pickle", ".joblib"):
            raise ModelingError(
                f"save wrote {path.name}, which is a pickle; loading one runs code.",
                where=WHERE,
                do="Save arrays, text or a native format.",
            )
