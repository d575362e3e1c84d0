"""The protocol between training, the bundle and a kind of estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.modeling.encoding import Form

if TYPE_CHECKING:
    import numpy as np


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
    """A trained estimator."""

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
    """How to build one kind of estimator with its parameters; checked when it is made."""

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
