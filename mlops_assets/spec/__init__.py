"""The language: what a `defs.yaml` may say. Imports nothing else of this package."""

from mlops_assets.spec.base import Spec
from mlops_assets.spec.calendar import Calendar, CalendarError
from mlops_assets.spec.columns import Column
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.estimators import Estimator
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.gates import DEFAULT_GATES, Gate
from mlops_assets.spec.model import Model
from mlops_assets.spec.training import Examples, Label, Training

__all__ = [
    "DEFAULT_GATES",
    "Calendar",
    "CalendarError",
    "Column",
    "Dataset",
    "Duration",
    "Estimator",
    "Examples",
    "FeatureView",
    "Gate",
    "Label",
    "Model",
    "Partitions",
    "Spec",
    "Training",
]
