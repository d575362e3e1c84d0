"""Erasure of one entity's rows from everything that is stored.

Current versions are rewritten without the rows; every file that holds them is removed, and a tombstone stays that says
when and why, but not who. What was made from an erased version can no longer be rebuilt, and can say so.
The source, the download cache and bundles are not touched. A source that still has the rows brings them back, unless it gives
a whole version that was erased again: that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mlops_assets.data.store import Manifest, Store, StoreError, layout
from mlops_assets.data.store.documents import canonical
from mlops_assets.data.store.manifest import StoredFile
from mlops_assets.data.store.parquet import table_of

if TYPE_CHECKING:
    import pyarrow as pa

ERASED = "erased"


@dataclass(frozen=True)
class Erasure:
    """What happened to one partition: rows that the current version lost, its new version, and versions whose bytes are gone."""

    asset: str
    partition: str | None
    rows: int
    current: str | None
    removed: tuple[str, ...]


@dataclass(frozen=True)
class Tombstone:
    """A version whose rows were removed: when (UTC, ISO 8601), why, and which version has the other rows (None: none)."""

    reference: str
    digest: str
    erased_at: str
    reason: str
    replaced_by: str | None


def erase(
    store: Store,
    entity: Mapping[str, Any],
    reason: str,
    *,
    assets: Sequence[str] | None = None,
    now: datetime | None = None,
    dry_run: bool = False,
) -> list[Erasure]:
    """Remove all rows in which every column of ``entity`` has the given value.

    It can be repeated: what an interrupted erasure left is finished by the next one.

    Args:
        entity: column to value, for example ``{"customer_id": 42}``; text is read as the column's type.
        reason: why; stays in the tombstone, so it must not name the person.
        assets: which assets; default: all that have these columns.
        now: time of the erasure; default: the clock.
        dry_run: only say what would happen.

    Raises:
        StoreError: when no asset has the columns, or the reason is empty or names the entity's value.
    """
    if not entity:
        raise StoreError("say which entity is to be erased.", valid=("customer_id=42",))
    if not reason.strip():
        raise StoreError("an erasure needs a reason.", do="It stays in the tombstone.")
    if named := [value for value in entity.values() if len(str(value)) >= 3 and str(value).lower() in reason.lower()]:
        raise StoreError(f"the reason names the entity ({len(named)} value).", do="The reason is kept; refer to a ticket instead.")
    when = (now or datetime.now(UTC)).astimezone(UTC).isoformat()
    places = _places(store, assets)
    erasures = []
    seen = False
    for asset, partition in places:
        versions = _versions(store, asset, partition)
        seen = seen or any(set(entity) <= set(manifest.columns) for manifest in versions)
        erasure = _erase_partition(store, asset, partition, versions, entity, reason, when, dry_run)
        if erasure is not None:
            erasures.append(erasure)
    if not seen:
        raise StoreError(f"no stored asset has the column{'s' if len(entity) > 1 else ''} {', '.join(entity)}.", where=store.url)
    return erasures


def erased(store: Store, manifest: Manifest) -> list[Tombstone]:
    """Tombstones of the version and of everything that it was made from: empty while it can still be rebuilt."""
    found: dict[str, Tombstone] = {}
    visited: set[str] = set()
    pending = [manifest]
    while pending:
        one = pending.pop()
        if one.digest in visited:
            continue
        visited.add(one.digest)
        if (body := store.tombstone(one)) is not None:
            found[one.digest] = Tombstone(one.reference, one.digest, body["erased_at"], body["reason"], body["replaced_by"])
        for reference, digest in one.inputs.items():
            if (source := _resolved(store, reference, digest)) is not None:
                pending.append(source)
    return sorted(found.values(), key=lambda tombstone: (tombstone.reference, tombstone.digest))


def _resolved(store: Store, reference: str, digest: str) -> Manifest | None:
    try:
        return store.resolve(reference, digest)
    except StoreError:
        return None


def _places(store: Store, assets: Sequence[str] | None) -> list[tuple[str, str | None]]:
    chosen = store.assets() if assets is None else list(assets)
    if unknown := sorted(set(chosen) - set(store.assets())):
        raise StoreError(f"the store has no asset {unknown[0]!r}.", valid=store.assets())
    return [(asset, key) for asset in chosen for key in (*([None] if store.current(asset) else []), *store.partitions(asset))]


def _versions(store: Store, asset: str, partition: str | None) -> list[Manifest]:
    paths = [file.path for file in store.files.find(f"{layout.partition_folder(asset, partition)}/_manifests")]
    return [store.manifest(asset, partition, layout.document_name(path)) for path in paths if path.endswith(".json")]


def _erase_partition(
    store: Store,
    asset: str,
    partition: str | None,
    versions: list[Manifest],
    entity: Mapping[str, Any],
    reason: str,
    when: str,
    dry_run: bool,
) -> Erasure | None:
    holding: dict[str, int] = {}
    affected = []
    for manifest in versions:
        rows = {file.path: _count(store, file, entity) for file in manifest.all_files}
        holding |= {path: count for path, count in rows.items() if count}
        if any(rows.values()):
            affected.append(manifest)
    if not affected:
        return None
    current = store.current(asset, partition)
    lost = sum(holding.get(file.path, 0) for file in current.all_files) if current else 0
    digests = tuple(sorted(manifest.digest for manifest in affected))
    if dry_run:
        return Erasure(asset, partition, lost, current.digest if current else None, digests)
    if current is not None and lost:
        current = _rewrite(store, current, entity, {"replaces": current.digest, "rows": lost})
    for manifest in affected:
        removed = [file.path for file in manifest.all_files if file.path in holding]
        _bury(store, manifest, reason, when, current.digest if current else None, removed)
    for path in holding:
        store.files.delete(path)
    return Erasure(asset, partition, lost, current.digest if current else None, digests)


def _bury(store: Store, manifest: Manifest, reason: str, when: str, replaced_by: str | None, removed: list[str]) -> None:
    """Leave a tombstone; one that an earlier erasure left keeps its time and reason."""
    body: dict[str, Any] = {"asset": manifest.asset, "partition": manifest.partition, "digest": manifest.digest}
    body |= {"erased_at": when, "reason": reason, "replaced_by": replaced_by, "files": []}
    body |= store.tombstone(manifest) or {}
    body["files"] = sorted({*body["files"], *removed})
    store.files.write(layout.tombstone_file(manifest.asset, manifest.partition, manifest.digest), canonical(body))


def _rewrite(store: Store, manifest: Manifest, entity: Mapping[str, Any], note: Mapping[str, Any]) -> Manifest:
    """The current version without the rows."""
    import pyarrow.compute as pc

    def rest(table: pa.Table) -> pa.Table:
        matches = _matches(table, entity)
        return table if matches is None else table.filter(pc.invert(matches))

    quarantined = store.read_quarantined(manifest)
    return store.write(
        manifest.asset,
        manifest.partition,
        rest(store.read(manifest)),
        inputs=manifest.inputs,
        facts={**manifest.facts, ERASED: [*manifest.facts.get(ERASED, []), dict(note)]},
        source=manifest.source,
        quarantined=None if quarantined is None else rest(quarantined),
    )


def _count(store: Store, file: StoredFile, entity: Mapping[str, Any]) -> int:
    """How many rows of a file are the entity's; 0 if the file is gone."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        content = store.files.read(file.path)
    except FileNotFoundError:
        return 0
    names = pq.read_schema(pa.BufferReader(content)).names
    if not set(entity) <= set(names):
        return 0
    matches = _matches(table_of(content, list(entity)), entity)
    return 0 if matches is None else int(pc.sum(matches).as_py() or 0)


def _matches(table: pa.Table, entity: Mapping[str, Any]) -> pa.ChunkedArray | None:
    """Which rows are the entity's; None where the table does not have the columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not set(entity) <= set(table.column_names):
        return None
    matches = None
    for name, value in entity.items():
        column = table.column(name)
        try:
            decimals = pa.types.is_decimal(column.type)
            wanted = pa.scalar(Decimal(str(value)), column.type) if decimals else pa.scalar(str(value)).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, InvalidOperation):
            wanted = pa.scalar(None, column.type)
        equal = pc.fill_null(pc.equal(column, wanted), False)
        matches = equal if matches is None else pc.and_(matches, equal)
    return matches
