"""One YAML file per model; the whole life of the model as Dagster assets.

`Dataset`, `FeatureView` and `Model` are the component types that a `defs.yaml` names as `mlops_assets.Dataset` and so
on. They load on first use, so that the pure rooms can be imported without Dagster.
"""

from typing import Any

__version__ = "0.1.0"

COMPONENTS = ("Dataset", "FeatureView", "Model")


def __getattr__(name: str) -> Any:
    if name in COMPONENTS:
        from mlops_assets import components

        return getattr(components, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *COMPONENTS])
