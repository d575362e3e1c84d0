"""A bundle's signature in MLflow's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec

    from mlops_assets.modeling.signature import Feature, Signature


def to_mlflow(task: str, classes: Sequence[Any], signature: Signature) -> ModelSignature:
    """Signature whose enforcement by MLflow refuses nothing that the bundle accepts.

    MLflow refuses int64 where it reads double, float64 (integers with a gap) where it reads long, pandas categories where
    it reads string, and moments with a time zone. So every column but plain text is of its type ``any``: the bundle
    itself checks what it gets. The declared types stand in the logged model's metadata. A column is optional where
    missing values are allowed.
    """
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    shape = (-1, len(classes)) if task == "multiclass_classification" else (-1,)
    inputs = Schema([_column(feature) for feature in signature.features])
    return ModelSignature(inputs=inputs, outputs=Schema([TensorSpec(np.dtype("float64"), shape)]))


def _column(feature: Feature) -> ColSpec:
    from mlflow.types import ColSpec, DataType
    from mlflow.types.schema import AnyType

    kind = DataType.string if feature.type == "string" else AnyType()  # type: ignore[no-untyped-call]
    return ColSpec(kind, feature.name, required=not feature.nullable)
