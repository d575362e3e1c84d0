"""What definitions compile to, as plain data. Imports only the language."""

from mlops_assets.plan.compile import compile_plan
from mlops_assets.plan.model import Plan, PlannedAsset, PlannedCheck, PlannedEdge, PlannedJob, PlannedSchedule, PlannedSensor

__all__ = ["Plan", "PlannedAsset", "PlannedCheck", "PlannedEdge", "PlannedJob", "PlannedSchedule", "PlannedSensor", "compile_plan"]
