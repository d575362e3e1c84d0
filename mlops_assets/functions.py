"""Python functions that a definition names: ``.module:function`` beside the defs.yaml, or ``package.module:function``."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from mlops_assets.errors import MlopsError, nearest


def resolve(reference: str, folder: Path) -> Callable[..., Any]:
    """Import the function that ``reference`` names, relative to ``folder`` where it starts with a dot.

    Raises:
        MlopsError: when the module or the function does not exist, or the module does not import.
    """
    module_name, _, function = reference.partition(":")
    module = _beside(module_name, folder) if module_name.startswith(".") else _installed(module_name, reference)
    found = getattr(module, function, None)
    if not callable(found):
        names = [name for name in vars(module) if not name.startswith("_") and callable(getattr(module, name))]
        guess = nearest(function, names)
        raise MlopsError(
            f"{reference!r}: {module_name} has no function {function!r}.",
            where=str(folder),
            do=f"Did you mean {guess!r}?" if guess else f"Define it in {module_name}.",
        )
    result: Callable[..., Any] = found
    return result


def source_digest(reference: str, folder: Path) -> str:
    """SHA-256 of the file that holds the function: part of what identifies a definition."""
    module_name = reference.partition(":")[0]
    if module_name.startswith("."):
        return hashlib.sha256(_file_beside(module_name, folder).read_bytes()).hexdigest()
    spec = importlib.util.find_spec(module_name)
    if spec is None or spec.origin is None:
        raise MlopsError(f"{reference!r}: there is no module {module_name!r}.", where=str(folder))
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()


def failed_at(function: Callable[..., Any], error: BaseException) -> str:
    """`file:line` in the function's own file at which ``error`` came up; where the function begins if it never got so far."""
    plain = inspect.unwrap(function)
    code = getattr(plain, "__code__", None)
    file = inspect.getsourcefile(plain)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if file and Path(frame.filename) == Path(file)]
    if own:
        return f"{own[-1].filename}:{own[-1].lineno}"
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


def _file_beside(module_name: str, folder: Path) -> Path:
    file = folder.joinpath(*module_name.lstrip(".").split(".")).with_suffix(".py")
    if not file.is_file():
        present = sorted(path.stem for path in folder.glob("*.py"))
        guess = nearest(module_name.lstrip("."), present)
        raise MlopsError(
            f"{module_name!r} names {file.name}, which is not there.",
            where=str(folder),
            do=f"Did you mean '.{guess}'?" if guess else f"Create {file.name} beside the defs.yaml.",
        )
    return file


def _beside(module_name: str, folder: Path) -> ModuleType:
    file = _file_beside(module_name, folder)
    content = file.read_bytes()
    unique = f"_mlops_definitions_{hashlib.sha256(str(file.resolve()).encode() + content).hexdigest()[:16]}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[unique]
        raise MlopsError(f"{file.name} does not import: {type(error).__name__}: {error}", where=str(file)) from error
    return module


def _installed(module_name: str, reference: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise MlopsError(f"{reference!r}: {module_name} does not import: {error}", do="Install the package that holds it.") from error
