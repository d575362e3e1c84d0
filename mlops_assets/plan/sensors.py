"""The sensors of a project, a row each: what it watches, what it says of itself, whose it is.

A new one is its kind and its row here, and ``components/sensors/<kind>.py``, which says what one tick does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mlops_assets.plan.assets import PlannedAsset, upstream
from mlops_assets.plan.kinds import KINDS, TRAINING_CHAIN
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.model import Model

SensorKind = Literal["automation", "labels", "retraining", "promotion", "alerts", "retirement"]


@dataclass(frozen=True)
class PlannedSensor:
    """Something that watches ``assets`` and starts runs.

    Attributes:
        name: of the sensor in Dagster.
        description: what it does, for people.
        assets: what it watches.
        kind: which one it is; all but ``automation``, which is Dagster's own, are found by it.
        model: whose it is; None: of the whole project.
        targets: what its runs may make: ``assets``, and what these are made from where it makes that too.
        seconds: between two of its ticks.
    """

    name: str
    description: str
    assets: tuple[str, ...] = ()
    kind: SensorKind = "automation"
    model: str | None = None
    targets: tuple[str, ...] = ()
    seconds: int = 30


@dataclass(frozen=True)
class Sensor:
    """One sensor of a project, or one of each of its models.

    Attributes:
        kind: which one it is.
        name: of the sensor in Dagster; with ``{model}`` each model has its own.
        about: what it does, for people: for a model, or given None for any.
        watches: whether it watches an asset; without any there is no such sensor.
        wanted: whether a model has one.
        makes_inputs: whether its runs may make the data and features too that the assets are made from.
        seconds: between two of its ticks.
    """

    kind: SensorKind
    name: str
    about: Callable[[Model | None], str]
    watches: Callable[[PlannedAsset], bool]
    wanted: Callable[[Model], bool] = lambda _: True
    makes_inputs: bool = False
    seconds: int = 30


def _goes_on(model: Model | None) -> str:
    how = "becomes champion, or starts its rollout,"
    if model is not None:
        how = "becomes champion" if model.rollout.at_once else f"starts its {model.rollout.strategy} rollout"
    return f"A new candidate {how} by itself where no approval is asked for; the first one becomes champion."


def _weighs(model: Model | None) -> str:
    rules = "alert rules"
    if model is not None:
        rules = f"{len(model.monitor.alerts)} alert rule{'' if len(model.monitor.alerts) == 1 else 's'}"
    return f"Weighs {rules}, tells people, and acts."


SENSORS: tuple[Sensor, ...] = (
    Sensor(
        kind="automation",
        name="features_follow_data",
        about=lambda _: "Features follow their data sets, once the blocking checks of these have passed.",
        watches=lambda asset: asset.kind == "features",
    ),
    Sensor(
        kind="automation",
        name="monitoring_follows",
        about=lambda _: "Scores come by their schedule, and monitoring follows what was predicted.",
        watches=lambda asset: asset.automation in ("follow", "after"),
    ),
    Sensor(
        kind="labels",
        name="labels_mature",
        about=lambda _: "Fills outcomes in as horizons pass or labels are corrected, then measures.",
        watches=lambda asset: asset.kind in ("outcomes", "performance"),
        seconds=60,
    ),
    Sensor(
        kind="retraining",
        name="{model}_retraining",
        about=lambda _: "Asks the retraining policy after each monitored window; each yes and each no is recorded.",
        watches=lambda asset: asset.kind in TRAINING_CHAIN,
        wanted=lambda model: model.retrain is not None and model.retrain.when is not None,
        makes_inputs=True,
        seconds=60,
    ),
    Sensor(
        kind="promotion",
        name="{model}_promotion",
        about=_goes_on,
        watches=lambda asset: asset.kind in ("challenger", "champion"),
    ),
    Sensor(
        kind="alerts",
        name="{model}_alerts",
        about=_weighs,
        watches=lambda asset: asset.kind == "performance",
        wanted=lambda model: bool(model.monitor.alerts),
    ),
    Sensor(
        kind="retirement",
        name="{model}_retirement",
        about=lambda model: f"Proposes retirement after {model.retire_after if model else '`retire_after`'} without traffic.",
        watches=lambda asset: asset.kind == "champion",
        wanted=lambda model: model.retire_after is not None,
        seconds=3600,
    ),
)


def planned_sensors(catalogue: Catalogue, assets: Sequence[PlannedAsset]) -> Iterator[PlannedSensor]:
    """The sensors of a project whose assets are ``assets``: those of the whole project, then those of each model."""
    for row in SENSORS:
        if "{model}" not in row.name and (planned := _planned(row, None, assets)):
            yield planned
    for _, model in sorted(catalogue.models.items()):
        for row in SENSORS:
            if "{model}" in row.name and row.wanted(model) and (planned := _planned(row, model, assets)):
                yield planned


def _planned(row: Sensor, model: Model | None, assets: Sequence[PlannedAsset]) -> PlannedSensor | None:
    name = model.name if model else None
    watched = tuple(asset.key for asset in assets if row.watches(asset) and name in (None, asset.declared_by))
    if not watched:
        return None
    inputs = [asset.key for asset in upstream(assets, name) if KINDS[asset.kind].part == "data"] if row.makes_inputs and name else []
    return PlannedSensor(
        row.name.format(model=name), row.about(model), watched, row.kind, name, targets=(*inputs, *watched), seconds=row.seconds
    )
