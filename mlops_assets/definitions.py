"""The code location: everything that the project in the current folder declares."""

from mlops_assets.components.location import build_definitions
from mlops_assets.components.workspace import open_workspace

defs = build_definitions(open_workspace())
