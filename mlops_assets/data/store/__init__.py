"""The versioned store: content-addressed Parquet with manifests, on local disk or any fsspec URL."""

from mlops_assets.data.store.errors import ErasedError, StoreError
from mlops_assets.data.store.manifest import Manifest, StoredFile
from mlops_assets.data.store.store import Store, Version, open_store
from mlops_assets.data.store.verification import StoreProblem

__all__ = ["ErasedError", "Manifest", "Store", "StoreError", "StoreProblem", "StoredFile", "Version", "open_store"]
