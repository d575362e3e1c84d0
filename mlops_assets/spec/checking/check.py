"""Every problem of a project: of each definition by itself, and of all of them together."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.checking.references import check_catalogue
from mlops_assets.spec.problems import KeyPath, Problem, in_order, spell
from mlops_assets.spec.reading.loading import Entry, assemble, load_entries
from mlops_assets.spec.reading.validation import validate_document
from mlops_assets.spec.yaml_lines import named_keys

_DECIDES_MUCH = ("name", "partitions", "kind", "source")
"""Keys without which nothing can be said about what refers to a declaration."""

_NEUTRAL_GATE = {"gate": "consistency"}


def check_project(project: Path, environment: Mapping[str, str] | None = None) -> tuple[Catalogue, list[Problem]]:
    """The sound part of a project, and every problem in the order of files and lines.

    A definition with a mistake is judged further as it was probably meant, or without the part that is wrong, so that
    one mistake does not hide another one.
    """
    entries, _, problems = examine(project, environment)
    return assemble(project, entries), problems


def examine(project: Path, environment: Mapping[str, str] | None = None) -> tuple[list[Entry], list[Entry], list[Problem]]:
    """Every document as it stands and as it was judged further, and every problem in the order of files and lines."""
    entries, problems = load_entries(project, environment)
    mended = [_mended(entry) for entry in entries]
    unknown = {entry.name for entry in mended if entry.declaration is None and entry.name is not None}
    together = assemble(project, mended)
    for problem in check_catalogue(together, frozenset(unknown)):
        if not any(_same_matter(problem, entry) for entry in entries if entry.broken):
            problems.append(problem)
    return entries, mended, in_order(problems)


def _same_matter(problem: Problem, entry: Entry) -> bool:
    """Whether a problem follows from a key of ``entry`` that is broken already."""
    origin = entry.origin
    if problem.file != origin.file or not origin.line <= problem.line <= max(origin.lines.values(), default=origin.line):
        return False
    for path in entry.broken:
        broken = spell(path)
        if broken == problem.path or broken.startswith((f"{problem.path}.", f"{problem.path}[")):
            return True
        if problem.path.startswith((f"{broken}.", f"{broken}[")):
            return True
    return False


def _mended(entry: Entry) -> Entry:
    """The entry as it was probably meant, or without its broken keys, if it still says something then."""
    if entry.declaration is not None or any(not path or path[0] in _DECIDES_MUCH for path in entry.broken):
        return entry
    attributes = copy.deepcopy(named_keys(entry.attributes))
    paths: list[KeyPath] = list(entry.broken)
    for boldly in (False, True):
        for path in paths:
            if boldly or path not in entry.meant or not _replace(attributes, path, entry.meant[path]):
                _mend(attributes, path, boldly)
        declaration, problems = validate_document(entry.kind, attributes, file=entry.origin.file)
        if declaration is not None:
            return replace(entry, declaration=declaration)
        written = {spell(path): path for path in entry.origin.lines}
        paths = [written[p.path] for p in problems if p.path and p.path in written]
    return entry


def _mend(attributes: Any, path: KeyPath, boldly: bool) -> None:
    """Take away what is wrong at ``path``; ``boldly``: with all that stands around it. Lists keep their numbering."""
    gates = attributes.get("gates")
    number = path[1] if path[0] == "gates" and len(path) > 1 else None
    if isinstance(gates, list) and isinstance(number, int) and number < len(gates):
        if boldly or len(path) != 3 or not isinstance(gates[number], dict):
            gates[number] = _NEUTRAL_GATE
        else:
            gates[number].pop(path[2], None)
        return
    keys = list(path[:1] if boldly else path)
    plain = next((n for n, part in enumerate(keys) if isinstance(part, int)), len(keys))
    inside = attributes
    for part in keys[: plain - 1]:
        inside = inside.get(part) if isinstance(inside, dict) else None
    if isinstance(inside, dict):
        inside.pop(keys[plain - 1], None)


def _replace(attributes: Any, path: KeyPath, meant: tuple[KeyPath, str | None]) -> bool:
    """Put what was meant in place of the key or the value at ``path``; whether that was possible."""
    inside = attributes
    for part in path[:-1]:
        if isinstance(inside, list) and isinstance(part, int):
            inside = inside[part]
        else:
            inside = inside.get(part) if isinstance(inside, dict) else None
    (*_, key), value = meant
    if not isinstance(inside, dict) or path[-1] not in inside or (key != path[-1] and key in inside):
        return False
    found = inside.pop(path[-1])
    inside[key] = found if value is None else value
    return True
