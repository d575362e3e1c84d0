"""The column types of the first ingest, which every later one must have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.schema.columns import column_kinds
from mlops_assets.data.store import Store

if TYPE_CHECKING:
    from mlops_assets.spec.dataset import Dataset


def pin_name(dataset: str) -> str:
    """Name of the store's pointer that holds a data set's inferred column types."""
    return f"schema/{dataset}"


@dataclass(frozen=True)
class Pins:
    """Kinds of columns at the first ingest, in their order.

    Attributes:
        columns: as they are stored, before declarations that came later.
        read: as `prepare` gets them from a source of text; None where there is no such function, or the source has types of its own.
    """

    columns: Mapping[str, str]
    read: Mapping[str, str] | None = None


def stored_types(dataset: Dataset, store: Store) -> dict[str, str] | None:
    """Kinds of all columns of a data set's stored partitions, in order; None before the first ingest."""
    pinned = pinned_types(dataset, store)
    return None if pinned is None else column_kinds(dataset, pinned.columns)


def pinned_types(dataset: Dataset, store: Store) -> Pins | None:
    """Kinds of the columns at the first ingest; None before it."""
    pointer = store.get_pointer(pin_name(dataset.name))
    if pointer is None:
        return None
    return Pins(dict(pointer["columns"]), dict(pointer["read"]) if "read" in pointer else None)


def pin(dataset: Dataset, store: Store, pins: Pins) -> Pins:
    """Pin the columns of the first ingest; of two first ingests at once the first counts.

    What a store of before has not pinned is added.
    """
    body: dict[str, Any] = {"columns": [list(column) for column in pins.columns.items()]}
    if pins.read is not None:
        body["read"] = [list(column) for column in pins.read.items()]
    if store.create_pointer(pin_name(dataset.name), body):
        return pins
    present = pinned_types(dataset, store)
    if present is None or list(present.columns.items()) != list(pins.columns.items()):
        raise IngestError("another ingest pinned other columns at the same time.", where=dataset.name, do="Run it again.")
    if present.read is None and pins.read is not None:
        store.set_pointer(pin_name(dataset.name), body)
    return pins
