"""Everything that one project declares, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_assets.errors import MlopsError, nearest
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.problems import KeyPath
from mlops_assets.spec.yaml_lines import line_of

Declaration = Dataset | FeatureView | Model


@dataclass(frozen=True)
class Origin:
    """Where a declaration stands: its defs.yaml and the line of its document (from 1).

    ``lines`` has the line of every key path of its attributes; ``written`` the text, as it stands in the file, of
    every string into which the environment was filled.
    """

    file: Path
    line: int = 1
    lines: Mapping[KeyPath, int] = field(default_factory=dict, repr=False, compare=False)
    written: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """Folder against which `.module:function` is resolved."""
        return self.file.parent

    def line_of(self, path: KeyPath) -> int:
        """Line of a key of the attributes, or of the nearest key above it that is there."""
        return line_of(self.lines, path, self.line)


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

    def declared(self, name: str) -> Declaration:
        """The declaration of that name.

        Raises:
            MlopsError: when there is none, naming the nearest.
        """
        found = self.models.get(name) or self.views.get(name) or self.datasets.get(name)
        if found is None:
            valid = [*self.models, *self.views, *self.datasets]
            guess = nearest(name, valid)
            do = f"Did you mean {guess!r}?" if guess else None if valid else "Nothing is declared here."
            raise MlopsError(f"there is no model, feature view or data set {name!r}.", valid=valid, do=do)
        return found

    def folder(self, name: str) -> Path:
        """Folder of the defs.yaml that declares ``name``."""
        return self.origins[name].folder
