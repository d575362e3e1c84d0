"""What one stored version is: files with their digests, rows, schema and the versions that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mlops_assets.data.store.documents import canonical, sha256

FORMAT = 1
_HOW = ("source", "writer", "accounting", "read_from", "note")


@dataclass(frozen=True)
class StoredFile:
    """One file: its path below the store's root, SHA-256, size in bytes and number of rows."""

    path: str
    sha256: str
    bytes: int
    rows: int

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "sha256": self.sha256, "bytes": self.bytes, "rows": self.rows}


@dataclass(frozen=True)
class Manifest:
    """One version of one partition of an asset. Holds no clock time, so equal content has an equal digest.

    Attributes:
        accounting: of a data set, what became of the rows that were read: ``read``, ``stored``, ``quarantined``, and ``left_out`` by cause.
        read_from: of a data set that is read from files, in which state they were: ``files``, ``bytes``, and the ``digest`` of the record
            ``source`` that lists them.
        note: what is different from the version before, where somebody had it read again.
    """

    asset: str
    partition: str | None
    files: tuple[StoredFile, ...]
    rows: int
    schema: tuple[tuple[str, str], ...]
    inputs: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    quarantined: StoredFile | None = None
    writer: Mapping[str, str] = field(default_factory=dict)
    accounting: Mapping[str, Any] | None = None
    read_from: Mapping[str, Any] | None = None
    note: Mapping[str, Any] | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of all fields: the data version."""
        return sha256(canonical(self.to_json()))

    @property
    def reference(self) -> str:
        """How another manifest names it among its inputs: ``orders@2026-01-01`` or ``orders``."""
        return self.asset if self.partition is None else f"{self.asset}@{self.partition}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(name for name, _ in self.schema)

    @property
    def bytes(self) -> int:
        """Size of its files."""
        return sum(file.bytes for file in self.all_files)

    @property
    def all_files(self) -> tuple[StoredFile, ...]:
        """Data files and the quarantined rows' file, if there is one."""
        return (*self.files, *([self.quarantined] if self.quarantined else []))

    @property
    def content(self) -> dict[str, Any]:
        """What makes it a different version: everything but how it was fetched, and with which writer."""
        return {name: value for name, value in self.to_json().items() if name not in _HOW}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON of every field but the digest."""
        later = {"accounting": self.accounting, "read_from": self.read_from, "note": self.note}
        return {
            "format": FORMAT,
            "asset": self.asset,
            "partition": self.partition,
            "files": [file.to_json() for file in self.files],
            "rows": self.rows,
            "schema": [list(column) for column in self.schema],
            "inputs": dict(self.inputs),
            "facts": dict(self.facts),
            "source": self.source,
            "quarantined": self.quarantined.to_json() if self.quarantined else None,
            "writer": dict(self.writer),
            **{name: dict(value) for name, value in later.items() if value is not None},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Manifest:
        """The manifest that :meth:`to_json` wrote."""
        return cls(
            asset=body["asset"],
            partition=body["partition"],
            files=tuple(StoredFile(**file) for file in body["files"]),
            rows=body["rows"],
            schema=tuple((name, kind) for name, kind in body["schema"]),
            inputs=body["inputs"],
            facts=body["facts"],
            source=body["source"],
            quarantined=StoredFile(**body["quarantined"]) if body["quarantined"] else None,
            writer=body["writer"],
            **{name: body[name] for name in ("accounting", "read_from", "note") if name in body},
        )
