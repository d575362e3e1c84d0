"""The name by which a `dagster.yaml` of an earlier version names the storage; it is :mod:`mlops_assets.instance.storage`."""

from mlops_assets.instance.storage import QuickStorage

__all__ = ["QuickStorage"]
