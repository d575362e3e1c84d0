"""Everything that one project declares, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model

Declaration = Dataset | FeatureView | Model


@dataclass(frozen=True)
class Origin:
    """Where a declaration stands: its defs.yaml and the line of its document (from 1)."""

    file: Path
    line: int = 1

    @property
    def folder(self) -> Path:
        """Folder against which `.module:function` is resolved."""
        return self.file.parent


@dataclass(frozen=True)
class Catalogue:
    """Data sets, feature views and models of a project, each with its origin. Names are unique over all three."""

    project: Path
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    views: Mapping[str, FeatureView] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    origins: Mapping[str, Origin] = field(default_factory=dict)

    @classmethod
    def of(cls, *declarations: Declaration, project: Path = Path()) -> Catalogue:
        """A catalogue built in Python; functions are resolved relative to ``project``."""
        return cls(
            project=project,
            datasets={d.name: d for d in declarations if isinstance(d, Dataset)},
            views={d.name: d for d in declarations if isinstance(d, FeatureView)},
            models={d.name: d for d in declarations if isinstance(d, Model)},
            origins={d.name: Origin(project / "defs.yaml") for d in declarations},
        )

    def folder(self, name: str) -> Path:
        """Folder of the defs.yaml that declares ``name``."""
        return self.origins[name].folder
