"""The code location: everything that the project in the current folder declares."""

from mlops_assets.components.location import build_definitions
from mlops_assets.lifecycle.workspace import open_workspace
from mlops_assets.settings import find_project

defs = build_definitions(open_workspace(find_project()))
