"""Versions of partitions of assets: write, read and list them; nothing is overwritten, and pointers move last."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.data.store import layout
from mlops_assets.data.store.accounts import Account
from mlops_assets.data.store.documents import canonical, document, sha256
from mlops_assets.data.store.errors import ErasedError, StoreError
from mlops_assets.data.store.files import Files
from mlops_assets.data.store.manifest import Manifest, StoredFile
from mlops_assets.data.store.parquet import table_of
from mlops_assets.data.store.tables import put_table

if TYPE_CHECKING:
    import pyarrow as pa

_TIME = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True)
class Version:
    """A version that was current at some time, and when it became so (UTC)."""

    digest: str
    written_at: datetime


class Versions:
    """Versions of partitions of assets under one root. Safe to use from threads."""

    def __init__(self, files: Files) -> None:
        self.files = files

    @property
    def url(self) -> str:
        """Its root."""
        return self.files.url

    def write(
        self,
        asset: str,
        partition: str | None,
        table: pa.Table | pa.RecordBatchReader,
        *,
        inputs: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
        source: str | None = None,
        quarantined: pa.Table | None = None,
        account: Account | None = None,
        read_from: Mapping[str, Any] | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Store ``table`` as a version and make it the current one.

        A table that equals the current version, with equal inputs and facts, changes nothing: the current manifest is returned.

        Args:
            asset: for example ``orders`` or ``churn/training_set``.
            partition: its key, or None.
            table: the rows, or a reader of record batches where they should not be in memory at once.
            inputs: what was read to make it: manifest reference to manifest digest.
            facts: anything else worth keeping; JSON without clock times.
            source: fingerprint of where the rows came from.
            quarantined: rows that broke a rule, stored beside.
            account: how many rows were read for it, and left out by cause; what is stored must be the rest.
            read_from: in which state the files were that it was read from.
            note: what is different from the version before.

        Raises:
            StoreError: when it cannot be written; the previous version is then still current.
            LostRowsError: when what was read for it does not add up; likewise.
            ErasedError: when exactly this version was erased.
        """
        import pyarrow as pa

        folder = layout.partition_folder(asset, partition)
        file, schema = put_table(self.files, folder, table)
        aside = put_table(self.files, f"{folder}/_quarantined", quarantined)[0] if quarantined is not None else None
        manifest = Manifest(
            asset=asset,
            partition=partition,
            files=(file,),
            rows=file.rows,
            schema=tuple((field.name, str(field.type)) for field in schema),
            inputs=dict(sorted((inputs or {}).items())),
            facts=json.loads(canonical(dict(facts or {}))),
            source=source,
            quarantined=aside,
            writer={"pyarrow": pa.__version__},
            accounting=None if account is None else account.settle(asset, partition, file.rows, aside.rows if aside else 0),
            read_from=read_from,
            note=note,
        )
        return self._make_current(manifest)

    def _make_current(self, manifest: Manifest) -> Manifest:
        asset, partition = manifest.asset, manifest.partition
        present = self.current(asset, partition)
        if present is not None and present.content == manifest.content:
            return present
        self._refuse_erased(manifest)
        self.files.write(layout.manifest_file(asset, partition, manifest.digest), canonical(manifest.to_json()))
        folder = layout.partition_folder(asset, partition)
        now = datetime.now(UTC)
        pointer = canonical({"digest": manifest.digest, "written_at": now.isoformat()})
        self.files.write(f"{folder}/_history/{now.strftime(_TIME)}-{manifest.digest}.json", pointer)
        self.files.write(layout.current_file(asset, partition), pointer)
        return manifest

    def _refuse_erased(self, manifest: Manifest) -> None:
        tombstone = self.tombstone(manifest)
        if tombstone is None:
            return
        for path in tombstone["files"]:
            self.files.delete(path)
        raise ErasedError(
            f"exactly these rows were erased on {tombstone['erased_at']}: {tombstone['reason']}.",
            where=manifest.reference,
            do="Erase them at their source too.",
        )

    def make_current(self, manifest: Manifest) -> Manifest:
        """Point the partition at a version that is stored already, for example an older one."""
        return self._make_current(self.manifest(manifest.asset, manifest.partition, manifest.digest))

    def current(self, asset: str, partition: str | None = None) -> Manifest | None:
        """The current version, or None if there is none."""
        return self.window(asset, [partition]).get(partition)

    def window(self, asset: str, keys: Sequence[str | None]) -> dict[str | None, Manifest]:
        """The current versions of several partitions; keys without one are absent."""
        pointers = {layout.current_file(asset, key): key for key in keys}
        found = self.files.read_many(pointers)
        digests = {pointers[path]: document(content, f"{self.url}/{path}")["digest"] for path, content in found.items()}
        wanted = {layout.manifest_file(asset, key, digest): (key, digest) for key, digest in digests.items()}
        manifests = self.files.read_many(wanted)
        if missing := sorted(set(wanted) - set(manifests)):
            raise StoreError(
                "the manifest of a current version is missing.", where=f"{self.url}/{missing[0]}", do="Run mlops store verify."
            )
        return {key: self._checked(manifests[path], path, digest) for path, (key, digest) in wanted.items()}

    def manifest(self, asset: str, partition: str | None, digest: str) -> Manifest:
        """One version by its digest.

        Raises:
            StoreError: when there is no such version, or its manifest was altered.
        """
        path = layout.manifest_file(asset, partition, digest)
        content = self.files.read_many([path]).get(path)
        if content is None:
            reference = asset if partition is None else f"{asset}@{partition}"
            raise StoreError(f"{reference} has no version {digest[:12]}.", where=self.url, do="See mlops store history.")
        return self._checked(content, path, digest)

    def _checked(self, content: bytes, path: str, digest: str) -> Manifest:
        if sha256(content) != digest:
            raise StoreError("the manifest was altered after it was stored.", where=f"{self.url}/{path}")
        return Manifest.from_json(document(content, path))

    def resolve(self, reference: str, digest: str) -> Manifest:
        """The version that an entry of another manifest's ``inputs`` names."""
        asset, _, partition = reference.partition("@")
        return self.manifest(asset, partition or None, digest)

    def versions(self, asset: str, partition: str | None = None) -> list[Version]:
        """Every version that was made current, oldest first."""
        versions = []
        for file in self.files.find(f"{layout.partition_folder(asset, partition)}/_history"):
            written, _, digest = layout.document_name(file.path).partition("-")
            if digest:
                versions.append(Version(digest, datetime.strptime(written, _TIME).replace(tzinfo=UTC)))
        return versions

    def partitions(self, asset: str) -> list[str]:
        """Keys of the partitions that have a current version, sorted."""
        places = (layout.split_folder(place) for place in self._places(layout.asset_folder(asset)))
        return sorted(key for place in places if place and place[0] == asset and (key := place[1]) is not None)

    def assets(self) -> list[str]:
        """Names of all assets that have a current version, sorted."""
        return sorted({place[0] for folder in self._places("data") if (place := layout.split_folder(folder))})

    def _places(self, prefix: str) -> list[str]:
        suffix = "/_current.json"
        return [file.path.removesuffix(suffix) for file in self.files.find(prefix) if file.path.endswith(suffix)]

    def read(self, manifest: Manifest, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a version, after checking every byte.

        Raises:
            StoreError: naming the file that was altered or is missing.
            ErasedError: when the rows were removed on purpose.
        """
        import pyarrow as pa

        tables = [self._read_file(manifest, file, columns) for file in manifest.files]
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables)

    def read_quarantined(self, manifest: Manifest) -> pa.Table | None:
        """The rows that broke a rule, with the column ``_violations``; None if there were none."""
        return self._read_file(manifest, manifest.quarantined, None) if manifest.quarantined else None

    def _read_file(self, manifest: Manifest, file: StoredFile, columns: Sequence[str] | None) -> pa.Table:
        with self._reading(manifest, file):
            content = self.files.read(file.path)
        if sha256(content) != file.sha256:
            raise StoreError(
                "the file was altered after it was stored.", where=f"{self.url}/{file.path}", do="Materialize the partition again."
            )
        if columns is not None and (unknown := [name for name in columns if name not in manifest.columns]):
            raise StoreError(f"{manifest.reference} has no column {unknown[0]!r}.", valid=manifest.columns)
        return table_of(content, columns)

    @contextmanager
    def _reading(self, manifest: Manifest, file: StoredFile) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            tombstone = self.tombstone(manifest)
            if tombstone is not None:
                raise ErasedError(
                    f"{manifest.reference} version {manifest.digest[:12]} was erased on {tombstone['erased_at']}: {tombstone['reason']}."
                ) from None
            raise StoreError("the file is missing.", where=f"{self.url}/{file.path}", do="Materialize the partition again.") from None

    def paths(self, manifest: Manifest) -> list[str]:
        """Local paths of the version's files, verified, for a reader such as DuckDB; remote files are copied to the cache."""
        paths = []
        for file in manifest.files:
            with self._reading(manifest, file):
                paths.append(str(self.files.local(file.path, file.sha256)))
        return paths

    def tombstone(self, manifest: Manifest) -> dict[str, Any] | None:
        """When and why the rows of a version were erased, or None."""
        path = layout.tombstone_file(manifest.asset, manifest.partition, manifest.digest)
        content = self.files.read_many([path]).get(path)
        return None if content is None else document(content, f"{self.url}/{path}")
