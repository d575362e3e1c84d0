"""Everything that a project compiles to, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.plan.assets import PlannedAsset, upstream
from mlops_assets.plan.checks import PlannedCheck
from mlops_assets.plan.schedules import PlannedSchedule
from mlops_assets.plan.sensors import PlannedSensor


@dataclass(frozen=True)
class PlannedJob:
    """Assets that are run together."""

    name: str
    assets: tuple[str, ...]
    description: str = ""


@dataclass(frozen=True)
class Plan:
    """Everything that a project compiles to. Assets come after what they read."""

    assets: tuple[PlannedAsset, ...] = ()
    schedules: tuple[PlannedSchedule, ...] = ()
    sensors: tuple[PlannedSensor, ...] = ()
    jobs: tuple[PlannedJob, ...] = ()

    def asset(self, key: str) -> PlannedAsset:
        """The asset with that key.

        Raises:
            MlopsError: when there is none, naming the nearest.
        """
        for asset in self.assets:
            if asset.key == key:
                return asset
        guess = nearest(key, [asset.key for asset in self.assets])
        raise MlopsError(f"there is no asset {key!r}.", do=f"Did you mean {guess!r}?" if guess else None)

    def declared_by(self, name: str) -> tuple[PlannedAsset, ...]:
        """Assets of one data set, feature view or model."""
        return tuple(asset for asset in self.assets if asset.declared_by == name)

    def checks(self) -> Iterator[PlannedCheck]:
        """Every check of every asset."""
        for asset in self.assets:
            yield from asset.checks

    def upstream_of(self, name: str) -> Plan:
        """The part of the plan that the assets of ``name`` need, themselves included."""
        assets = upstream(self.assets, name)
        wanted = {asset.key for asset in assets}
        return Plan(
            assets=assets,
            schedules=tuple(s for s in self.schedules if wanted & {*s.assets}),
            sensors=tuple(s for s in self.sensors if wanted & {*s.assets}),
            jobs=tuple(job for job in self.jobs if wanted & {*job.assets}),
        )
