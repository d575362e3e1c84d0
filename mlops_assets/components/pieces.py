"""A project of which Dagster cannot read every file: folder by folder, and of a folder that it cannot read what our own reading can use."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets import spec
from mlops_assets.components.dataset import Dataset
from mlops_assets.components.feature_view import FeatureView
from mlops_assets.components.model import Model
from mlops_assets.spec.reading.loading import DEFINITIONS, FILE_NAMES

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace

_COMPONENTS = {spec.Dataset: Dataset, spec.FeatureView: FeatureView, spec.Model: Model}


def pieces(workspace: Workspace) -> dg.Definitions:
    """What can be used of the project's definitions.

    Raises:
        Exception: as Dagster does, where a folder cannot be loaded though no definition in it has an error.
    """
    folder = workspace.settings.project / DEFINITIONS
    if any((folder / name).is_file() for name in FILE_NAMES):
        return _sound_in(workspace, folder)
    with warnings.catch_warnings():
        # As `load_from_defs_folder` does: Dagster's own beta parts are no news to a person.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.Definitions.merge(*_loaded(workspace, folder))


def _loaded(workspace: Workspace, folder: Path) -> Iterator[dg.Definitions]:
    project = workspace.settings.project
    wrong = {problem.file for problem in workspace.definitions.errors}
    for place in sorted(folder.iterdir()):
        if place.name.startswith((".", "__")) or not (place.is_dir() or place.suffix == ".py"):
            continue
        try:
            module = importlib.import_module(f"{DEFINITIONS}.{place.stem}")
            if place.is_dir():
                yield _without_tree(dg.ComponentTree.from_module(defs_module=module, project_root=project).build_defs())
            else:
                yield dg.load_definitions_from_module(module)
        except Exception:
            if not any(file.is_relative_to(place) for file in wrong):
                raise
            yield _sound_in(workspace, place)


def _without_tree(found: dg.Definitions) -> dg.Definitions:
    """The same definitions, which can be merged: a component tree would have to be the only one."""
    return dg.Definitions(
        assets=found.assets,
        schedules=found.schedules,
        sensors=found.sensors,
        jobs=found.jobs,
        resources=found.resources,
        executor=found.executor,
        loggers=found.loggers,
        asset_checks=found.asset_checks,
    )


def _sound_in(workspace: Workspace, folder: Path) -> dg.Definitions:
    catalogue = workspace.catalogue
    names = [name for name, origin in catalogue.origins.items() if origin.file.is_relative_to(folder)]
    declared = [_COMPONENTS[type(catalogue.declared(name))](name) for name in names]
    return dg.Definitions.merge(*(component.definitions_in(workspace) for component in declared), dg.Definitions())
