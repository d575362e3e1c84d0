"""Retention: which versions are kept, and the removal of what nothing names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta

from mlops_assets.data.store import layout
from mlops_assets.data.store.files import TEMPORARY, Found, is_older
from mlops_assets.data.store.manifest import Manifest
from mlops_assets.data.store.store import Store

Keep = AbstractSet[str] | Callable[[Manifest], bool]

_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be: references of versions, files and their size."""

    versions: tuple[str, ...]
    files: tuple[str, ...]
    bytes: int
    kept: int


def collect(store: Store, keep: Keep | None = None, *, older_than: timedelta = timedelta(days=1), dry_run: bool = False) -> Collected:
    """Remove versions that nothing names any more, and what killed writes left behind.

    Kept are: every current version; every version that ``keep`` names (manifest digests, or a function of the manifest);
    every version whose digest stands in a record, a pointer or a JSON file of a stored directory; everything that a kept
    version was made from; and whatever changed within ``older_than``, so that a write in progress is safe.
    """
    everything = store.files.find("")
    manifests = _manifests(store, everything)
    named = _named(store, everything)
    roots = [
        manifest
        for manifest in manifests.values()
        if manifest.digest in named or (keep is not None and (keep(manifest) if callable(keep) else manifest.digest in keep))
    ]
    living = _closure(roots, manifests)
    young = {file.path for file in everything if not is_older(file, older_than.total_seconds())}
    for path, manifest in manifests.items():
        if path in young:
            living |= _closure([manifest], manifests)
    wanted = {file.path for manifest in manifests.values() if manifest.digest in living for file in manifest.all_files}
    doomed = [file for file in everything if file.path not in young and _collectable(file.path, living, wanted)]
    if not dry_run:
        for file in sorted(doomed, key=lambda file: file.path.endswith(".parquet")):
            store.files.delete(file.path)
    return Collected(
        versions=tuple(sorted(f"{m.reference} {m.digest[:12]}" for path, m in manifests.items() if path in {f.path for f in doomed})),
        files=tuple(file.path for file in doomed),
        bytes=sum(file.bytes for file in doomed),
        kept=len(living),
    )


def _manifests(store: Store, everything: Iterable[Found]) -> dict[str, Manifest]:
    """Manifests by their file."""
    places = {}
    for file in everything:
        folder, _, name = file.path.rpartition("/")
        place = layout.split_folder(folder.removesuffix("/_manifests"))
        if file.path.startswith("data/") and folder.endswith("/_manifests") and name.endswith(".json") and place:
            places[file.path] = (*place, layout.document_name(file.path))
    return {path: store.manifest(*place) for path, place in places.items()}


def _named(store: Store, everything: Iterable[Found]) -> set[str]:
    """Every digest that stands in a current pointer, a record, a small pointer or a stored JSON file."""
    paths = [
        file.path
        for file in everything
        if file.path.endswith(".json")
        and (file.path.startswith(("records/", "pointers/", "trees/")) or file.path.endswith("/_current.json"))
    ]
    return {match.decode() for content in store.files.read_many(paths).values() for match in _DIGEST.findall(content)}


def _closure(roots: Iterable[Manifest], manifests: dict[str, Manifest]) -> set[str]:
    """Digests of ``roots`` and of everything that they were made from."""
    by_digest = {manifest.digest: manifest for manifest in manifests.values()}
    living: set[str] = set()
    pending = [manifest.digest for manifest in roots]
    while pending:
        digest = pending.pop()
        if digest in by_digest and digest not in living:
            living.add(digest)
            pending += by_digest[digest].inputs.values()
    return living


def _collectable(path: str, living: set[str], wanted: set[str]) -> bool:
    folder, _, name = path.rpartition("/")
    if name.startswith(TEMPORARY):
        return True
    if not path.startswith("data/"):
        return False
    if name.endswith(".parquet"):
        return path not in wanted
    digest = layout.document_name(path)
    if folder.endswith("/_manifests"):
        return digest not in living
    return folder.endswith("/_history") and digest.partition("-")[2] not in living
