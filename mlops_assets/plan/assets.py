"""Planned assets: every kind of asset that a declaration has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mlops_assets.plan.checks import PlannedCheck, planned_checks
from mlops_assets.plan.edges import PlannedEdge
from mlops_assets.plan.kinds import KINDS, AssetKind, Kind
from mlops_assets.plan.subject import Subject
from mlops_assets.plan.timing import Automation
from mlops_assets.spec.calendar import Calendar
from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.digest import declaration_digest


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
        deps: what it reads.
        checks: what is asserted about it.
        code_version: changes when the definition of this asset changes.
        automation: when it is made by itself; None: by hand, by a sensor or by the model's schedule.
        cron: of the automation ``after``, in the zone of the calendar.
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
    deps: tuple[PlannedEdge, ...] = ()
    checks: tuple[PlannedCheck, ...] = ()
    code_version: str = ""
    automation: Automation | None = None
    cron: str | None = None
    pool: str | None = None
    recompute: int = 1

    @property
    def parts(self) -> tuple[str, ...]:
        """The key in parts, as Dagster has it."""
        return tuple(self.key.split("/"))


def planned_assets(declaration: Declaration, catalogue: Catalogue) -> tuple[PlannedAsset, ...]:
    """The assets of one declaration, after those that they read.

    Raises:
        WindowError: for a duration that a calendar cannot say.
        MlopsError: for a Python function whose file is not there.
    """
    subject = Subject(declaration, catalogue)
    rows = ((kind, row) for kind, row in KINDS.items() if isinstance(declaration, row.of) and row.wanted(declaration))
    return tuple(_planned(kind, row, subject) for kind, row in rows)


def upstream(assets: Sequence[PlannedAsset], name: str) -> tuple[PlannedAsset, ...]:
    """Those of ``assets`` that the assets of ``name`` need, themselves included; ``assets`` come after what they read."""
    wanted = {asset.key for asset in assets if asset.declared_by == name}
    for asset in reversed(assets):
        if asset.key in wanted:
            wanted |= {edge.upstream for edge in asset.deps}
    return tuple(asset for asset in assets if asset.key in wanted)


def _planned(kind: AssetKind, row: Kind[Any], subject: Subject[Any]) -> PlannedAsset:
    declaration, partitions = subject.declaration, subject.partitions if row.dated else None
    key, timing = row.key.format(name=declaration.name, kind=kind), row.timing(subject)
    return PlannedAsset(
        key=key,
        kind=kind,
        declared_by=declaration.name,
        group=row.group.format(name=declaration.name),
        description=row.description(row.about, declaration),
        owners=(declaration.owner,) if declaration.owner else (),
        kinds=row.technology(declaration),
        tags=dict(sorted(declaration.tags.items())),
        calendar=partitions.calendar if partitions else None,
        deps=row.reads(subject),
        checks=planned_checks(key, kind, declaration),
        code_version=declaration_digest(declaration.name, subject.catalogue, kind)[:16],
        automation=timing.automation,
        cron=timing.cron,
        pool=row.pool,
        recompute=row.recompute(subject),
    )
