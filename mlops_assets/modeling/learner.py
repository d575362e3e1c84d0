"""Learning from training rows: encoder, weights and estimator, fitted on exactly the rows that are learned from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.encoding import Encoder
from mlops_assets.modeling.estimators.protocol import Fitted, Matrix, Recipe
from mlops_assets.modeling.folds import folds_of
from mlops_assets.modeling.signature import Feature
from mlops_assets.modeling.target import Target
from mlops_assets.modeling.weights import weight_column, weights_of
from mlops_assets.spec.model import Model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

VALIDATION_FOLDS = 4
"""For early stopping the newest fifth of the training rows (undated: a random quarter) decides the number of trees."""


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

        The recipe that comes back has settled what validation inside these rows decides, such as the number of trees by early stopping.
        """
        import warnings

        frame, y = (self.frame, self.y) if rows is None else (self.frame.iloc[rows], self.y[rows])
        settled = self._settled(recipe, rows)
        encoder = Encoder.fit(frame, self.features, form=recipe.form)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = settled.fit(self._matrix(encoder, frame, y))
        if notes is not None:
            notes.extend(
                sorted({f"{w.category.__name__}: {str(w.message).splitlines()[0]}" for w in caught if issubclass(w.category, UserWarning)})
            )
        return encoder, fitted, settled

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """How much the rows at these positions count by what is declared of them, whatever their class: 1 each, or their weights."""
        import numpy as np

        column = weight_column(self.model.training.weights)
        return np.ones(len(rows)) if column is None else self.frame[column].to_numpy(dtype="float64")[rows]

    def _settled(self, recipe: Recipe, rows: np.ndarray | None) -> Recipe:
        def split() -> tuple[Matrix, Matrix]:
            frame, y = (self.frame, self.y) if rows is None else (self.frame.iloc[rows], self.y[rows])
            fold = self.folds(VALIDATION_FOLDS, rows)[-1]
            inner = frame.iloc[fold.train]
            encoder = Encoder.fit(inner, self.features, form=recipe.form)
            return self._matrix(encoder, inner, y[fold.train]), self._matrix(encoder, frame.iloc[fold.valid], y[fold.valid])

        return recipe.settle(split)

    def _matrix(self, encoder: Encoder, frame: pd.DataFrame, y: np.ndarray) -> Matrix:
        weight = weights_of(self.model.training.weights, y, len(self.target.classes), frame)
        return Matrix(encoder.transform(frame), y, weight, encoder.names, encoder.categorical)
