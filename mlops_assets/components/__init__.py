"""The component types of a `defs.yaml`, and what turns a plan into Dagster definitions.

The types load on first use: commands that only read the project's records do not pay for Dagster.
"""

from importlib import import_module
from typing import Any

TYPES = {"Dataset": "dataset", "FeatureView": "feature_view", "Model": "model"}
"""Component types and the module of each."""


def __getattr__(name: str) -> Any:
    if name in TYPES:
        return getattr(import_module(f"{__name__}.{TYPES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
