"""One YAML file per model; the whole life of the model as Dagster assets.

`Dataset`, `FeatureView` and `Model` are the component types that a `defs.yaml` names as `mlops_assets.Dataset` and so
on. They load on first use, so that the pure rooms can be imported without Dagster.
"""

from typing import Any

from mlops_assets.version import __version__ as __version__

COMPONENTS = ("Dataset", "FeatureView", "Model")


def __getattr__(name: str) -> Any:
    if name in COMPONENTS:
        from mlops_assets import components

        return getattr(components, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *COMPONENTS])
