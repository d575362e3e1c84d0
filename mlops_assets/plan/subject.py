"""A declaration with what its assets are planned from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from mlops_assets.plan.edges import PlannedEdge, recent
from mlops_assets.spec.calendar import Calendar
from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.windows import model_partitions, view_partitions

D = TypeVar("D", bound=Declaration)


@dataclass(frozen=True)
class Subject(Generic[D]):
    """One data set, feature view or model of ``catalogue``."""

    declaration: D
    catalogue: Catalogue

    @cached_property
    def partitions(self) -> Partitions | None:
        """The partitions of its assets, but of those that have one version at a time.

        Raises:
            WindowError: when what it reads stands in different time zones.
        """
        if isinstance(self.declaration, Dataset):
            return self.declaration.partitions
        if isinstance(self.declaration, FeatureView):
            return view_partitions(self.declaration, self.catalogue)
        return model_partitions(self.declaration, self.catalogue)

    @property
    def calendar(self) -> Calendar | None:
        """The calendar of these partitions."""
        return self.partitions.calendar if self.partitions else None

    def own(self, kind: str, periods: int = 1, *, back: int = 0) -> PlannedEdge:
        """Reading another asset of the same declaration: ``periods`` partitions of it, the newest of them ``back`` before d."""
        return recent(f"{self.declaration.name}/{kind}", self.calendar, periods, back=back)

    def newest(self, kind: str) -> PlannedEdge:
        """Reading another asset of the same declaration that has one version at a time."""
        return PlannedEdge(f"{self.declaration.name}/{kind}", "unpartitioned")

    def every(self, kind: str) -> PlannedEdge:
        """Reading all partitions of another asset of the same declaration, by one that has none."""
        return PlannedEdge(f"{self.declaration.name}/{kind}", "all", None) if self.partitions else self.newest(kind)
