"""The schedules of a project, a row each. A new one is its row here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from mlops_assets.plan.assets import PlannedAsset
from mlops_assets.plan.kinds import TRAINING_CHAIN, AssetKind
from mlops_assets.plan.subject import D
from mlops_assets.plan.timing import new_data_cron
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.cron import expand
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.model import Model


@dataclass(frozen=True)
class PlannedSchedule:
    """Runs by the clock: the newest complete partition of ``assets`` at every tick of ``cron`` in ``timezone``."""

    name: str
    cron: str
    timezone: str
    assets: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class Schedule(Generic[D]):
    """What starts runs by the clock for every declaration of one type.

    Attributes:
        of: the type.
        name: of the schedule in Dagster; ``{name}`` is that of the declaration.
        about: what its runs do, for people.
        kinds: which assets they make.
        cron: when; None: this declaration has no such schedule.
    """

    of: type[D]
    name: str
    about: str
    kinds: tuple[AssetKind, ...]
    cron: Callable[[D], str | None]


SCHEDULES: tuple[Schedule[Any], ...] = (
    Schedule[Dataset](Dataset, "{name}_new_data", "New rows of {name}.", ("dataset",), new_data_cron),
    Schedule[Model](
        Model,
        "{name}_training",
        "Trains {name} again.",
        TRAINING_CHAIN,
        lambda model: expand(model.retrain.schedule) if model.retrain and model.retrain.schedule is not None else None,
    ),
)


def planned_schedules(catalogue: Catalogue, assets: Sequence[PlannedAsset]) -> Iterator[PlannedSchedule]:
    """The schedules of everything in ``catalogue``, whose assets are ``assets``."""
    declarations = sorted({**catalogue.datasets, **catalogue.views, **catalogue.models}.items())
    for row in SCHEDULES:
        for name, declaration in declarations:
            cron = row.cron(declaration) if isinstance(declaration, row.of) else None
            if cron is not None:
                made = [asset for asset in assets if asset.declared_by == name and asset.kind in row.kinds]
                zone = made[0].calendar.timezone if made[0].calendar else "UTC"
                keys = tuple(asset.key for asset in made)
                yield PlannedSchedule(row.name.format(name=name), cron, zone, keys, row.about.format(name=name))
