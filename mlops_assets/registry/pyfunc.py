"""Loader module of logged bundles: `mlflow.pyfunc.load_model` ends here, and scores as the bundle itself does.

It is imported from the installed package, so that two versions loaded in one process never share one version's code,
and it unpickles nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.bundle import Bundle


class BundleModel:
    """A bundle behind MLflow's model interface."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> np.ndarray:
        """Scores of the rows of ``model_input``.

        Args:
            model_input: a DataFrame, or anything that makes one. Columns may come in any order; columns that the model
                does not know are ignored; a missing column counts as missing values; integers may stand for numbers.
            params: ignored; part of MLflow's interface.

        Returns:
            Probability of the positive class (n,), of each class (n, k), or the predicted number (n,).
        """
        import pandas as pd

        frame = model_input if isinstance(model_input, pd.DataFrame) else pd.DataFrame(model_input)
        return self.bundle.predict(frame.reindex(columns=self.bundle.signature.names))


def _load_pyfunc(path: str) -> BundleModel:
    from mlops_assets.modeling.bundle import Bundle

    return BundleModel(Bundle.load(Path(path)))
