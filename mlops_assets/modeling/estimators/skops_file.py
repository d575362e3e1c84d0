"""Fitted scikit-learn estimators as skops files: no pickle, only types of an allow-list, the same bytes for the same object."""

from __future__ import annotations

import importlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_assets.modeling.signature import ModelingError

PACKAGES = ("sklearn", "numpy", "scipy")
"""Packages whose classes a file may hold."""

_NOT_FOR_MODELS = ("testing", "tests", "_testing", "datasets", "externals", "f2py", "distutils", "io", "ctypeslib")
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_skops(estimator: Any, path: Path) -> None:
    """Write a fitted estimator.

    Raises:
        ModelingError: when it holds something that :func:`read_skops` would refuse.
    """
    import skops.io

    content = _canonical(skops.io.dumps(estimator))
    _trusted(content, "the estimator")
    path.write_bytes(content)


def read_skops(path: Path) -> Any:
    """Read an estimator. Refuses a file that names any type outside the allow-list before it builds anything.

    Raises:
        ModelingError: naming the types that are not allowed.
    """
    import skops.io

    content = path.read_bytes()
    return skops.io.loads(content, trusted=_trusted(content, path.name))


def _trusted(content: bytes, what: str) -> list[str]:
    """Types beyond skops' own safe list that the file needs, all of them allowed."""
    import skops.io

    needed = list(skops.io.get_untrusted_types(data=content))
    if refused := sorted(name for name in needed if not _is_allowed(name)):
        raise ModelingError(
            f"{what} holds {', '.join(refused)}, which a bundle may not load.",
            valid=[f"classes of {package}" for package in PACKAGES],
            do="Use scikit-learn's own classes, or a Python estimator that saves and loads itself.",
        )
    return needed


def _is_allowed(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] not in PACKAGES or any(part in _NOT_FOR_MODELS for part in parts):
        return False
    try:
        return isinstance(getattr(importlib.import_module(module), attribute, None), type)
    except ImportError:
        return False


def _canonical(content: bytes) -> bytes:
    """The same archive without clock times and memory addresses."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}

    def number(identity: int) -> int:
        return numbers.setdefault(identity, len(numbers))

    def rename(file: str) -> str:
        return files.setdefault(file, f"{len(files)}{Path(file).suffix}")

    _rewrite(schema, number, rename)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("schema.json", _EPOCH), json.dumps(schema, sort_keys=True, separators=(",", ":")))
        for file, renamed in files.items():
            archive.writestr(zipfile.ZipInfo(renamed, _EPOCH), members[file])
    return buffer.getvalue()


def _rewrite(node: Any, number: Callable[[int], int], rename: Callable[[str], str]) -> None:
    if isinstance(node, list):
        for inner in node:
            _rewrite(inner, number, rename)
    elif isinstance(node, dict):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = number(node["__id__"])
        if isinstance(node.get("file"), str) and "__loader__" in node:
            node["file"] = rename(node["file"])
        for inner in node.values():
            _rewrite(inner, number, rename)
