"""The versioned store: content-addressed Parquet with manifests, on local disk or any fsspec URL."""

from mlops_assets.data.store.accounts import Account
from mlops_assets.data.store.errors import ErasedError, LostRowsError, StoreError
from mlops_assets.data.store.manifest import Manifest, StoredFile
from mlops_assets.data.store.retention import Collected, collect
from mlops_assets.data.store.store import Store, open_store
from mlops_assets.data.store.verification import StoreProblem, verify
from mlops_assets.data.store.versions import Version

__all__ = [
    "Account",
    "Collected",
    "ErasedError",
    "LostRowsError",
    "Manifest",
    "Store",
    "StoreError",
    "StoreProblem",
    "StoredFile",
    "Version",
    "collect",
    "open_store",
    "verify",
]
