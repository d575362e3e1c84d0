"""Reads every ``defs.yaml`` of a project. Mistakes are collected; what is sound is loaded."""

from __future__ import annotations

import difflib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mlops_assets.errors import nearest
from mlops_assets.spec.base import IsSql
from mlops_assets.spec.catalogue import Catalogue, Declaration, Origin
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.problems import KeyPath, Problem, in_order, spell
from mlops_assets.spec.reading.own_texts import misread, with_own_texts
from mlops_assets.spec.reading.templates import render
from mlops_assets.spec.reading.validation import validate_document
from mlops_assets.spec.texts import keys_of
from mlops_assets.spec.yaml_lines import Document, line_of, read_documents

DEFINITIONS = "definitions"
PACKAGE = "mlops_assets"
TYPES: dict[str, type[Declaration]] = {
    f"{PACKAGE}.Dataset": Dataset,
    f"{PACKAGE}.FeatureView": FeatureView,
    f"{PACKAGE}.Model": Model,
}
SQL_KEYS = frozenset(key for cls in TYPES.values() for key in keys_of(cls, IsSql))
"""Keys whose text is SQL and is never rendered."""
FILE_NAMES = ("defs.yaml", "defs.yml")
_DOCUMENT_KEYS = ("type", "attributes", "template_vars_module", "requirements", "post_processing")
_FOLDER_TYPE = "dagster.DefsFolderComponent"


@dataclass(frozen=True)
class Entry:
    """One document that declares something of ours, sound or not.

    Attributes:
        kind: Dataset, FeatureView or Model.
        name: its name, if one can be read.
        origin: where it stands.
        attributes: its attributes with the environment filled in.
        declaration: the declaration; None if there are mistakes in it.
        broken: key paths that hold a mistake.
        meant: for some of these, the path and the value that were probably meant; the value None keeps the one that is there.
        last: the last line of the document.
        file_problem: why nothing of its file can be used, where that is so.
    """

    kind: type[Declaration]
    name: str | None
    origin: Origin
    attributes: Any
    declaration: Declaration | None
    broken: tuple[KeyPath, ...] = ()
    meant: Mapping[KeyPath, tuple[KeyPath, str | None]] = field(default_factory=dict)
    last: int = 0
    file_problem: Problem | None = None


def load_catalogue(project: Path, environment: Mapping[str, str] | None = None) -> tuple[Catalogue, list[Problem]]:
    """Everything under ``project/definitions`` that is sound by itself, and the problems of the rest.

    References between declarations are not looked at: :func:`mlops_assets.spec.checking.check.check_project` does both.

    Args:
        project: folder with ``definitions/``.
        environment: variables for ``{{ env.NAME }}``; default: those of the process.
    """
    entries, problems = load_entries(project, environment)
    return assemble(project, entries), problems


def load_entries(project: Path, environment: Mapping[str, str] | None = None) -> tuple[list[Entry], list[Problem]]:
    """Every document that declares something of ours, in the order of files and lines, and all problems of single files."""
    folder = project / DEFINITIONS
    if not folder.is_dir():
        do = f"Run `mlops init {project}`, or name the right folder with --project."
        return [], [Problem(folder, 1, "", f"there is no folder {DEFINITIONS}/ in {project}", do=do)]
    problems: list[Problem] = []
    entries: list[Entry] = []
    variables = os.environ if environment is None else environment
    for file in _definition_files(folder, problems):
        entries += _read(file, variables, problems)
    problems += _duplicates(entries)
    return entries, in_order(problems)


def assemble(project: Path, entries: list[Entry]) -> Catalogue:
    """A catalogue of the sound entries; of two with one name the first counts."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.declaration is not None:
            found.setdefault(entry.declaration.name, entry)
    declared = {name: entry.declaration for name, entry in found.items()}
    return Catalogue(
        project=project,
        datasets={name: d for name, d in declared.items() if isinstance(d, Dataset)},
        views={name: d for name, d in declared.items() if isinstance(d, FeatureView)},
        models={name: d for name, d in declared.items() if isinstance(d, Model)},
        origins={name: entry.origin for name, entry in found.items()},
    )


def _definition_files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    files = sorted(p for suffix in ("yaml", "yml") for p in folder.rglob(f"*.{suffix}") if p.is_file() and not _hidden(p, folder))
    for file in files:
        if file.name in FILE_NAMES:
            yield file
        elif file.name != "component.yaml":
            home = folder / file.stem / "defs.yaml" if file.parent == folder else file.with_name("defs.yaml")
            problems.append(
                Problem(
                    file,
                    1,
                    "",
                    f"{file.name} is not loaded: only a file named defs.yaml inside a folder is",
                    severity="warning",
                    do=f"Move it to {home.relative_to(folder.parent)}.",
                )
            )


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "__")) for part in path.relative_to(folder).parts)


def _read(file: Path, variables: Mapping[str, str], problems: list[Problem]) -> Iterator[Entry]:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem(file, 1, "", f"cannot be read as UTF-8 text: {error}"))
        return
    documents, mistakes = read_documents(text)
    for mistake in mistakes:
        problems.append(Problem(file, mistake.line, spell(p for p in mistake.path if p != "attributes"), mistake.message))
    if not documents and not mistakes:
        problems.append(Problem(file, 1, "", "the file is empty", severity="warning"))
    file_problem: Problem | None = None
    types = [d.value.get("type") for d in documents if isinstance(d.value, dict)]
    outer = next((p / n for p in list(file.parents)[1:] for n in FILE_NAMES if (p / n).is_file() and _within_definitions(p, file)), None)
    if outer is not None and _FOLDER_TYPE not in outer.read_text("utf-8", errors="replace") and any(t in TYPES for t in types):
        found = f"is not loaded by Dagster, since {outer.parent.name}/{outer.name} above it already is a component"
        file_problem = Problem(file, 1, "", found, do="Move one of the two into a folder of its own.")
        problems.append(file_problem)
    for document in documents:
        duplicated = [m.path for m in mistakes if m.path and document.line <= m.line <= document.last]
        entry = _entry(file, document, variables, problems, duplicated)
        if entry is not None:
            yield replace(entry, file_problem=file_problem)


def _within_definitions(folder: Path, file: Path) -> bool:
    return DEFINITIONS in folder.relative_to(file.anchor).parts if file.is_absolute() else DEFINITIONS in folder.parts


def _entry(
    file: Path,
    document: Document,
    variables: Mapping[str, str],
    problems: list[Problem],
    duplicated: list[KeyPath],
) -> Entry | None:
    value, line = document.value, document.line

    def report(path: KeyPath, found: str, **more: Any) -> None:
        problems.append(Problem(file, line_of(document.lines, path, line), spell(path), found, **more))

    if not isinstance(value, dict):
        report((), "a document is a mapping with `type` and `attributes`")
        return None
    if "type" not in value:
        guess = nearest("type", value)
        report((), "the key 'type' is missing", valid=tuple(TYPES), do=f"Did you write it {guess!r}?" if guess else None)
        return None
    cls = TYPES.get(str(value["type"]))
    if cls is None:
        found = str(value["type"])
        if not _is_foreign(found):
            report(("type",), f"unknown type {found!r}", valid=tuple(TYPES), suggestion=_nearest_type(found))
        return None
    for key in value:
        if key not in _DOCUMENT_KEYS:
            belongs = key in {f.alias or n for n, f in cls.model_fields.items()}
            do = "It belongs under `attributes`: indent it." if belongs else None
            report((key,), f"unknown key {key!r}", valid=_DOCUMENT_KEYS, suggestion=nearest(key, _DOCUMENT_KEYS), do=do)
    attributes = value.get("attributes")
    if not isinstance(attributes, dict):
        what = "is missing" if "attributes" not in value else "must be a mapping of keys to values"
        report(("attributes",), f"`attributes` {what}")
        return None
    lines = {path[1:]: number for path, number in document.lines.items() if path[:1] == ("attributes",)}
    texts = {path[1:]: text for path, text in document.texts.items() if path[:1] == ("attributes",)}
    attributes = with_own_texts(cls, attributes, texts)
    rendered = render(attributes, variables, SQL_KEYS)
    origin = Origin(file, line, lines, rendered.written)
    for path, message in misread(attributes, texts):
        do = "Write the number that is meant in plain digits, or put quotes around a text."
        problems.append(Problem(file, line_of(lines, path, line), spell(path), message, severity="warning", do=do))
    for path, message in rendered.mistakes:
        problems.append(Problem(file, line_of(lines, path, line), spell(path), message))
    unset = {spell(path) for path, _ in rendered.mistakes}
    declaration, found_problems = validate_document(cls, rendered.value, file=file, line=line, lines=lines, shown=attributes)
    found_problems = [p for p in found_problems if p.path not in unset]
    problems += found_problems
    name = attributes.get("name")
    paths = {spell(path): path for path in lines}
    broken = [paths.get(p.path, _split(p.path)) for p in found_problems]
    meant = {path: _meant(path, p) for path, p in zip(broken, found_problems, strict=True) if p.suggestion}
    broken += [path for path, _ in rendered.mistakes] + [path[1:] for path in duplicated if path[:1] == ("attributes",)]
    return Entry(
        kind=cls,
        name=name if isinstance(name, str) else None,
        origin=origin,
        attributes=rendered.value,
        declaration=None if broken else declaration,
        broken=tuple(broken),
        meant=meant,
        last=document.last,
    )


def _meant(path: KeyPath, problem: Problem) -> tuple[KeyPath, str | None]:
    if problem.about == "key":
        return (*path[:-1], str(problem.suggestion)), None
    return path, problem.suggestion


def _split(path: str) -> KeyPath:
    return tuple(path.split(".")) if path else ()


def _is_foreign(name: str) -> bool:
    """Whether another installed package could be meant; such a component is Dagster's to judge."""
    package = name.partition(".")[0]
    if "." not in name or package == PACKAGE or difflib.SequenceMatcher(None, package, PACKAGE).ratio() > 0.7:
        return False
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _nearest_type(found: str) -> str | None:
    last = {name.rpartition(".")[2].lower(): name for name in TYPES}
    meant = nearest(found.rpartition(".")[2].replace("_", "").lower(), last)
    return last[meant] if meant else nearest(found, TYPES)


def _duplicates(entries: list[Entry]) -> Iterator[Problem]:
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name is None:
            continue
        other = first.setdefault(entry.name, entry)
        if other is not entry:
            kinds = {Dataset: "data set", FeatureView: "feature view", Model: "model"}
            where = f"{other.origin.file.parent.name}/{other.origin.file.name}:{other.origin.line_of(('name',))}"
            yield Problem(
                entry.origin.file,
                entry.origin.line_of(("name",)),
                "name",
                f"the name {entry.name!r} is taken by the {kinds[other.kind]} at {where}",
                do="Names are unique over data sets, feature views and models.",
            )
