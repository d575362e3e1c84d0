"""From a catalogue to a plan. Nothing is read, written or imported but the definitions."""

from __future__ import annotations

from mlops_assets.plan.assets import planned_assets
from mlops_assets.plan.kinds import TRAINING_CHAIN
from mlops_assets.plan.plan import Plan, PlannedJob
from mlops_assets.plan.schedules import planned_schedules
from mlops_assets.plan.sensors import planned_sensors
from mlops_assets.spec.catalogue import Catalogue, Declaration


def compile_plan(catalogue: Catalogue) -> Plan:
    """The assets, checks, edges, schedules, sensors and jobs of everything in ``catalogue``.

    The catalogue must be sound: see :func:`mlops_assets.spec.checking.check.check_catalogue`.

    Raises:
        WindowError: for a duration that a calendar cannot say.
        MlopsError: for a Python function whose file is not there.
    """
    declarations: list[Declaration] = [dataset for _, dataset in sorted(catalogue.datasets.items())]
    declarations += [view for _, view in sorted(catalogue.views.items())]
    declarations += [model for _, model in sorted(catalogue.models.items())]
    assets = tuple(asset for declaration in declarations for asset in planned_assets(declaration, catalogue))
    return Plan(
        assets=assets,
        schedules=tuple(planned_schedules(catalogue, assets)),
        sensors=tuple(planned_sensors(catalogue, assets)),
        jobs=tuple(_training(name) for name in sorted(catalogue.models)),
    )


def _training(name: str) -> PlannedJob:
    return PlannedJob(
        f"train_{name}", tuple(f"{name}/{kind}" for kind in TRAINING_CHAIN), "From points in time to a candidate with a verdict."
    )
