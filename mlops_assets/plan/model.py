"""What a project's definitions compile to: assets, edges, checks, schedules, sensors and jobs as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.calendar import Calendar

AssetKind = Literal[
    "dataset",
    "features",
    "training_set",
    "model",
    "evaluation",
    "candidate",
    "challenger",
    "champion",
    "scores",
    "predictions",
    "outcomes",
    "data_quality",
    "drift",
    "performance",
]
SensorKind = Literal["automation", "labels", "retraining", "promotion", "alerts", "retirement"]
Mapped = Literal["same", "window", "expanding", "all", "unpartitioned"]


@dataclass(frozen=True)
class PlannedEdge:
    """What an asset at partition ``d`` reads of another one.

    Attributes:
        upstream: key of the asset that is read.
        mapping: ``same``: partition d (or those inside it); ``window``: from ``start_offset`` to ``end_offset``;
            ``expanding``: from the first partition to ``end_offset``; ``all``: every partition, by an asset that has none;
            ``unpartitioned``: the one version of an asset without partitions.
        start_offset: first period, relative to d, in periods of the reading asset's calendar; None if there is no first one.
        end_offset: last period, relative to d, included.
    """

    upstream: str
    mapping: Mapped
    start_offset: int | None = 0
    end_offset: int = 0


@dataclass(frozen=True)
class PlannedCheck:
    """A check on an asset. A blocking one stops what comes after it in the same run."""

    name: str
    asset: str
    blocking: bool
    severity: Literal["ERROR", "WARN"]
    description: str


@dataclass(frozen=True)
class PlannedAsset:
    """One asset of the graph.

    Attributes:
        key: asset key with ``/`` between its parts, for example ``churn/model``.
        kind: what it is.
        declared_by: name of the data set, feature view or model in the catalogue.
        group: group in the graph.
        description: shown in the catalogue.
        owners: ``team:NAME`` or e-mail addresses.
        kinds: technology labels in the graph.
        tags: free tags.
        calendar: its partitions; None if it has none.
        end: first day after the last partition, for data that has ended.
        deps: what it reads.
        checks: what is asserted about it.
        code_version: changes when the definition of this asset changes.
        automation: ``cron``: new partitions come by a schedule; ``eager``: follows its inputs once their blocking checks
            pass; ``follow``: the newest partition follows whatever part of its inputs is there; ``after``: the newest partition, after
            each tick of ``cron`` and once its inputs are there; None: by hand, by a sensor or by the model's schedule.
        cron: of ``after``, in the zone of the calendar.
        pool: name of the pool that limits how many run at once.
        recompute: newest partitions, by number, that follow a corrected input by themselves.
    """

    key: str
    kind: AssetKind
    declared_by: str
    group: str
    description: str = ""
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar | None = None
    end: date | None = None
    deps: tuple[PlannedEdge, ...] = ()
    checks: tuple[PlannedCheck, ...] = ()
    code_version: str = ""
    automation: Literal["cron", "eager", "follow", "after"] | None = None
    cron: str | None = None
    pool: str | None = None
    recompute: int = 1

    @property
    def parts(self) -> tuple[str, ...]:
        """The key in parts, as Dagster has it."""
        return tuple(self.key.split("/"))


@dataclass(frozen=True)
class PlannedSensor:
    """Something that watches ``assets`` and starts runs.

    Attributes:
        name: of the sensor in Dagster.
        description: what it does, for people.
        assets: what it watches.
        kind: which one it is.
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
class PlannedSchedule:
    """Runs by the clock: the newest complete partition of ``assets`` at every tick of ``cron`` in ``timezone``."""

    name: str
    cron: str
    timezone: str
    assets: tuple[str, ...]
    description: str = ""


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
        wanted = {asset.key for asset in self.declared_by(name)}
        for asset in reversed(self.assets):
            if asset.key in wanted:
                wanted |= {edge.upstream for edge in asset.deps}
        return Plan(
            assets=tuple(asset for asset in self.assets if asset.key in wanted),
            schedules=tuple(s for s in self.schedules if wanted & {*s.assets}),
            sensors=tuple(s for s in self.sensors if wanted & {*s.assets}),
            jobs=tuple(job for job in self.jobs if wanted & {*job.assets}),
        )
