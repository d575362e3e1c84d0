"""The code location: everything of the project in the current folder that can be used."""

import logging
import os

from mlops_assets.components.left_out import summary
from mlops_assets.components.location import build_definitions
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.settings import find_project

_VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
"""Dagster sets it where somebody asks whether all is sound: `dg check defs`, `dagster definitions validate`."""

_workspace = open_workspace(find_project())
if os.environ.get(_VALIDATING):
    _workspace.demand_all()
for _line in summary(_workspace.definitions):
    logging.getLogger(__name__).error(_line)
defs = build_definitions(_workspace)
