"""The column types of the first ingest, which every later one must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.schema.columns import column_types
from mlops_assets.data.store import Store

if TYPE_CHECKING:
    from mlops_assets.spec.columns import ColumnType
    from mlops_assets.spec.dataset import Dataset


def pin_name(dataset: str) -> str:
    """Name of the store's pointer that holds a data set's inferred column types."""
    return f"schema/{dataset}"


def stored_types(dataset: Dataset, store: Store) -> dict[str, ColumnType] | None:
    """Types of all columns of a data set's stored partitions, in order; None before the first ingest."""
    pinned = pinned_types(dataset, store)
    return None if pinned is None else column_types(dataset, pinned)


def pinned_types(dataset: Dataset, store: Store) -> dict[str, str] | None:
    """Types of the columns at the first ingest, in their order; None before it."""
    pointer = store.get_pointer(pin_name(dataset.name))
    return None if pointer is None else dict(pointer["columns"])


def pin(dataset: Dataset, store: Store, types: Mapping[str, ColumnType]) -> dict[str, str]:
    """Pin the columns of the first ingest, in their order; of two first ingests at once the first counts."""
    body = {"columns": [[name, kind] for name, kind in types.items()]}
    if not store.create_pointer(pin_name(dataset.name), body):
        present = pinned_types(dataset, store)
        if present != dict(types):
            raise IngestError("another ingest pinned other columns at the same time.", where=dataset.name, do="Run it again.")
    return dict(types)
