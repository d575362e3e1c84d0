"""Checking a whole store: every digest, and every reference from a pointer to a manifest to a file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from mlops_assets.data.store import layout
from mlops_assets.data.store.documents import document, sha256
from mlops_assets.data.store.errors import StoreError
from mlops_assets.data.store.files import TEMPORARY
from mlops_assets.data.store.manifest import Manifest
from mlops_assets.data.store.store import Store
from mlops_assets.data.store.trees import LISTING, read_listing

Kind = Literal["altered", "missing", "unreadable"]


@dataclass(frozen=True)
class StoreProblem:
    """One thing that is wrong in a store: which file, and what."""

    kind: Kind
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}"


def verify(store: Store) -> list[StoreProblem]:
    """Check every digest and every reference in the store; an empty list is a sound store.

    Pointers, manifests, data, directories and documents; files that nothing names are no problem
    (see :func:`mlops_assets.data.store.retention.collect`).
    """
    paths = [file.path for file in store.files.find("")]
    return sorted(
        [*_verify_data(store, paths), *_verify_trees(store, paths), *_verify_records(store, paths)], key=lambda problem: problem.path
    )


def _verify_data(store: Store, paths: list[str]) -> list[StoreProblem]:
    problems = []
    present = set(paths)
    for path in paths:
        if not path.startswith("data/"):
            continue
        folder, _, name = path.rpartition("/")
        if name == "_current.json" and (place := layout.split_folder(folder)):
            problems += _verify_pointer(store, path, place)
        if folder.endswith("/_manifests") and name.endswith(".json"):
            problems += _verify_manifest(store, path, present)
    return problems


def _verify_pointer(store: Store, path: str, place: tuple[str, str | None]) -> list[StoreProblem]:
    try:
        current = store.current(*place)
    except (StoreError, KeyError, ValueError) as error:
        return [StoreProblem("unreadable", path, f"the pointer leads nowhere: {error}")]
    if current is not None and store.tombstone(current) is not None:
        return [StoreProblem("missing", path, "the current version was erased")]
    return []


def _verify_manifest(store: Store, path: str, present: set[str]) -> list[StoreProblem]:
    digest = layout.document_name(path)
    content = store.files.read_many([path])[path]
    if sha256(content) != digest:
        return [StoreProblem("altered", path, "the manifest was altered after it was stored")]
    manifest = Manifest.from_json(json.loads(content))
    if store.tombstone(manifest) is not None:
        return []
    problems = []
    for file in manifest.all_files:
        if file.path not in present:
            problems.append(StoreProblem("missing", file.path, f"the file is missing; {manifest.reference} {digest[:12]} names it"))
        elif sha256(store.files.read(file.path)) != file.sha256:
            problems.append(StoreProblem("altered", file.path, "the file was altered after it was stored"))
    return problems


def _verify_trees(store: Store, paths: list[str]) -> list[StoreProblem]:
    problems = []
    present = set(paths)
    for path in paths:
        parts = path.split("/")
        if len(parts) != 4 or parts[0] != "trees" or parts[3] != LISTING:
            continue
        _, kind, digest, _ = parts
        try:
            listing = read_listing(store.files, kind, digest)
        except StoreError as error:
            problems.append(StoreProblem("altered", path, error.found))
            continue
        for name, sha in listing:
            file = f"trees/{kind}/{digest}/files/{name}"
            if file not in present:
                problems.append(StoreProblem("missing", file, "the file is missing"))
            elif sha256(store.files.read(file)) != sha:
                problems.append(StoreProblem("altered", file, "the file was altered after it was stored"))
    return problems


def _verify_records(store: Store, paths: list[str]) -> list[StoreProblem]:
    problems = []
    for path in paths:
        name = path.rpartition("/")[2]
        if name.startswith(TEMPORARY):
            continue
        if path.startswith("records/") and sha256(store.files.read(path)) != layout.document_name(path):
            problems.append(StoreProblem("altered", path, "the record was altered after it was stored"))
        if path.startswith("pointers/"):
            try:
                document(bytes(store.files.read(path)), path)
            except StoreError as error:
                problems.append(StoreProblem("unreadable", path, error.found))
    return problems
