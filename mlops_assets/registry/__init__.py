"""MLflow as the place where runs, models and versions are seen: tracking, registered versions, aliases."""

from mlops_assets.registry.errors import RegistryError
from mlops_assets.registry.tracking import Registry, open_registry

__all__ = ["Registry", "RegistryError", "open_registry"]
