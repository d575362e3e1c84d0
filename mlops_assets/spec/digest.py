"""Digests of definitions: what a verdict and a training manifest are bound to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mlops_assets.functions import source_digest
from mlops_assets.spec.base import NamesFunction
from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.decides import deciding, without_later_defaults
from mlops_assets.spec.problems import KeyPath
from mlops_assets.spec.reads import uses
from mlops_assets.spec.texts import texts_of


def canonical(value: Any) -> str:
    """JSON that has one spelling for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def spec_digest(name: str, catalogue: Catalogue) -> str:
    """SHA-256 of the declaration ``name``, of all that it uses, and of the source files of the Python functions they name.

    Values from the environment count as they are written (``{{ env.LAKE }}``), so that one definition has one digest
    in every environment and no secret enters it.

    Raises:
        MlopsError: when there is no such declaration, or a function's file is not there.
    """
    return hashlib.sha256(canonical(definition(name, catalogue)).encode()).hexdigest()


def definition(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """What :func:`spec_digest` is the digest of, as plain data by name: kind, declaration as it is written, functions' digests."""
    return {used: _content(used, catalogue) for used in (name, *uses(name, catalogue))}


def declaration_digest(name: str, catalogue: Catalogue, digest: str) -> str:
    """SHA-256 of what one declaration says to one end, with the sources of all its functions, without what it uses.

    Args:
        name: a data set, feature view or model.
        catalogue: where it is declared.
        digest: which one: a kind of its assets, or ``rows``. The marks on its fields say what enters: :mod:`mlops_assets.spec.decides`.
    """
    content = _content(name, catalogue)
    keys = deciding(type(catalogue.declared(name)), digest)
    if keys is not None:
        content = {"functions": content["functions"], **{key: _dig(content["declaration"], key) for key in keys}}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def written(name: str, catalogue: Catalogue) -> dict[str, Any]:
    """The declaration with its defaults filled in, as plain data; values from the environment as they are written."""
    dumped = catalogue.declared(name).model_dump(mode="json", by_alias=True)
    result: dict[str, Any] = _as_written(dumped, catalogue.origins[name].written)
    return result


def functions(declaration: Declaration) -> Iterator[tuple[KeyPath, str]]:
    """Every Python function that a declaration names, with the path of its key."""
    return texts_of(declaration, NamesFunction)


def _content(name: str, catalogue: Catalogue) -> dict[str, Any]:
    declaration = catalogue.declared(name)
    folder = catalogue.folder(name)
    sources = {reference: source_digest(reference, folder) for _, reference in functions(declaration)}
    plain = _as_written(without_later_defaults(declaration), catalogue.origins[name].written)
    return {"kind": type(declaration).__name__, "declaration": plain, "functions": sources}


def _as_written(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _as_written(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(inner, texts) for inner in value]
    return texts.get(value, value) if isinstance(value, str) else value


def _dig(value: Any, key: str) -> Any:
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
