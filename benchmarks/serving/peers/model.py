"""The same model as a scikit-learn pipeline, as the other servers take it: ordinal codes for texts, then the same trees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.serving.scratch import NUMBERS, TEXTS, frame

if TYPE_CHECKING:
    from mlops_assets.modeling.bundle import Bundle

PIPELINE = "pipeline.joblib"
MLFLOW = "mlflow"


def write(bundle: Bundle, folder: Path) -> float:
    """Write the pipeline with joblib and as an MLflow model; returns the largest difference to the bundle's predictions on 500 rows."""
    import joblib
    import mlflow
    import numpy as np

    rows = frame()
    train = rows[rows["__split"] == "train"]
    features = [*NUMBERS, *TEXTS]
    pipeline = _pipeline(bundle)
    texts = list(range(len(NUMBERS), len(features)))
    pipeline.fit(train[features], train["__target"], classifier__categorical_feature=texts)
    sample = rows[features].tail(500)
    difference = np.abs(pipeline.predict_proba(sample)[:, 1] - bundle.predict(sample)).max()
    joblib.dump(pipeline, folder / PIPELINE)
    mlflow.sklearn.save_model(
        pipeline,
        str(folder / MLFLOW),
        signature=mlflow.models.infer_signature(sample, pipeline.predict_proba(sample)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    return float(difference)


def _pipeline(bundle: Bundle) -> Any:
    import lightgbm
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    categories = [list(fitted.categories) for fitted in bundle.encoder.fitted if fitted.categories is not None]
    codes = OrdinalEncoder(categories=categories, handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("numbers", "passthrough", list(NUMBERS)), ("texts", codes, list(TEXTS))])
    params = {name: value for name, value in bundle.params.items() if name != "num_boost_round"}
    classifier = lightgbm.LGBMClassifier(
        n_estimators=bundle.params["num_boost_round"],
        **params,
        seed=bundle.provenance.seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbosity=-1,
    )
    return Pipeline([("columns", columns), ("classifier", classifier)])
