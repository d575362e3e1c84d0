"""What definitions compile to, as plain data. Imports only the language."""

from mlops_assets.plan.assets import PlannedAsset
from mlops_assets.plan.checks import PlannedCheck
from mlops_assets.plan.compile import compile_plan
from mlops_assets.plan.edges import PlannedEdge
from mlops_assets.plan.plan import Plan, PlannedJob
from mlops_assets.plan.schedules import PlannedSchedule
from mlops_assets.plan.sensors import PlannedSensor

__all__ = ["Plan", "PlannedAsset", "PlannedCheck", "PlannedEdge", "PlannedJob", "PlannedSchedule", "PlannedSensor", "compile_plan"]
