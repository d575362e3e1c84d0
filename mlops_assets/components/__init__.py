"""The component types of a `defs.yaml`, and what turns a plan into Dagster definitions."""

from mlops_assets.components.dataset import Dataset
from mlops_assets.components.feature_view import FeatureView
from mlops_assets.components.model import Model

__all__ = ["Dataset", "FeatureView", "Model"]
