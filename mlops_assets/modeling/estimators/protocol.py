"""The protocol between training, the bundle and a kind of estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.modeling.encoding import Form

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.spec.training import SearchRange


@dataclass(frozen=True)
class Problem:
    """What is to be learned.

    Attributes:
        task: binary_classification, multiclass_classification or regression.
        classes: number of classes; 0 for regression.
        seed: seed of everything random.
        threads: how many threads training may use; it never changes the result of LightGBM.
    """

    task: str
    classes: int
    seed: int
    threads: int = 1


@dataclass(frozen=True)
class Matrix:
    """Encoded rows.

    Attributes:
        x: float64 of shape (rows, columns).
        y: class codes 0 … k-1, or the number to predict; float64 of shape (rows,).
        weight: weights with mean 1, or None.
        names: column names.
        categorical: indices of columns that hold category codes.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    names: Sequence[str]
    categorical: Sequence[int] = ()


class Fitted(Protocol):
    """A trained estimator. A kind of its own derives from it."""

    @property
    def trees_digest(self) -> str | None:
        """What a rebuild must meet instead of the same predictions; None for kinds without such a digest."""
        return None

    def predict(self, x: np.ndarray) -> np.ndarray:
        """P(positive) of shape (rows,), class probabilities of shape (rows, classes), or numbers of shape (rows,).

        A row's numbers do not depend on the rows around it.
        """
        ...

    def importance(self) -> np.ndarray | None:
        """Non-negative importance of each matrix column, if the estimator has one."""
        ...

    def write(self, folder: Path) -> dict[str, Any]:
        """Write files into ``folder`` and return what ``bundle.json`` must say to read them back. No pickle."""
        ...


class Recipe(Protocol):
    """How to build one kind of estimator with its parameters; checked when it is made. A kind of its own derives from it."""

    @property
    def form(self) -> Form:
        """The matrix that it learns from."""
        ...

    def params(self, rows: int) -> dict[str, Any]:
        """All parameters that shape the result on so many training rows, as plain data."""
        ...

    def fit(self, data: Matrix) -> Fitted:
        """Train on all rows of ``data``."""
        ...

    def with_params(self, changed: Mapping[str, Any]) -> Recipe:
        """The same recipe with some parameters changed, as the search does.

        Raises:
            ModelingError: for a parameter that does not exist.
        """
        ...

    def settle(self, split: Callable[[], tuple[Matrix, Matrix]]) -> Recipe:
        """The same recipe with settled what validation inside the training rows decides, such as when to stop; by default nothing.

        Args:
            split: gives the rows to train on and the rows to validate on.
        """
        return self

    def space(self, rows: int) -> dict[str, SearchRange] | None:
        """What a search over so many training rows tries where the definition names no space; None: it must name one."""
        return None


def _unchanged(declared: Any) -> Any:
    return declared


@dataclass(frozen=True)
class EstimatorKind:
    """What the module of a kind offers, as its ``KIND``. It has the kind's name in the table of :mod:`mlops_assets.spec.estimators`.

    Attributes:
        recipe: from what is declared under the kind's key, the problem, and the folder of the definition to a recipe. It raises a
            ModelingError for parameters, names or functions that do not exist or do not fit the task.
        read: from a bundle's verified files, and what :meth:`Fitted.write` returned for them, to what was fitted.
        runs_code: whether reading runs code of the bundle. It is read when the first row is scored then, not when the bundle is opened.
        quick: from what is declared to the like of it that trains quickly, for when it does not matter how good the model is. Outcomes
            of the other side should give it the mirrored model, so what leans to one side is left out.
    """

    recipe: Callable[[Any, Problem, Path], Recipe]
    read: Callable[[Path, Mapping[str, Any]], Fitted]
    runs_code: bool = False
    quick: Callable[[Any], Any] = _unchanged
