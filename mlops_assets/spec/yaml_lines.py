"""YAML documents as plain data, together with the line of every key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from mlops_assets.spec.problems import KeyPath

_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_STARTED_EARLIER = ("while scanning a quoted scalar", "while parsing a flow mapping", "while parsing a flow sequence")

KEYS_READ_AS_BOOLEANS = {"on": True, "off": False}
"""What a reader of YAML 1.1, as Dagster's is, makes of these keys."""


class _Loader(yaml.SafeLoader):
    """Dates stay text, as in Dagster's own reading of the same file."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class YamlMistake:
    """Text that is not YAML, or YAML that says one thing twice."""

    line: int
    message: str
    path: KeyPath = ()


@dataclass(frozen=True)
class Document:
    """One document of a file, from ``line`` to ``last`` (from 1).

    ``lines`` has the line of every key path and list item; ``texts`` the text, as it stands in the file, of every unquoted value that
    YAML reads as something else than text.
    """

    value: Any
    line: int
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    texts: Mapping[KeyPath, str] = field(default_factory=dict)
    last: int = 0


def named_keys(value: Any) -> Any:
    """The same data with text for keys, also those of :data:`KEYS_READ_AS_BOOLEANS`."""
    if isinstance(value, dict):
        names = {read: name for name, read in KEYS_READ_AS_BOOLEANS.items()}
        return {names[k] if isinstance(k, bool) else str(k): named_keys(inner) for k, inner in value.items()}
    return [named_keys(inner) for inner in value] if isinstance(value, list) else value


def line_of(lines: Mapping[KeyPath, int], path: KeyPath, default: int) -> int:
    """Line of ``path``, or of the nearest key above it that is there."""
    for length in range(len(path), -1, -1):
        if (line := lines.get(path[:length])) is not None:
            return line
    return default


def read_documents(text: str) -> tuple[list[Document], list[YamlMistake]]:
    """All documents of a file that can be read, and every mistake; one broken document does not hide the others.

    Keys are kept as they are written, so that ``off`` and ``on`` stay names. Empty documents are passed over.
    """
    documents: list[Document] = []
    mistakes: list[YamlMistake] = []
    for offset, chunk in _chunks(text):
        try:
            loader = _Loader(chunk)
            try:
                node = loader.get_single_node()
                if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                    continue
                reader = _Reader(loader, offset, mistakes)
                value = reader.read(node)
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mistakes.append(_syntax(error, offset))
        except yaml.YAMLError as error:
            mistakes.append(YamlMistake(offset + 1, f"this is not YAML: {error}"))
        else:
            documents.append(Document(value, reader.lines[()], reader.lines, reader.texts, offset + len(chunk.splitlines())))
    return documents, mistakes


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """The documents' texts, each with the number of lines before it. ``---`` at the start of a line always separates."""
    lines = text.splitlines(keepends=True)
    starts = [0, *(number for number, line in enumerate(lines) if number and re.match(r"---(\s|$)", line))]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield start, "".join(lines[start:end])


def _syntax(error: yaml.MarkedYAMLError, offset: int) -> YamlMistake:
    began = error.context in _STARTED_EARLIER and error.context_mark is not None
    mark = error.context_mark if began else error.problem_mark or error.context_mark
    message = " ".join(part for part in (error.problem, f"({error.context})" if error.context else "") if part)
    hint = "; YAML is indented with spaces, never with tabs" if "'\\t'" in message else ""
    return YamlMistake(offset + (mark.line + 1 if mark else 1), f"this is not YAML: {message}{hint}")


@dataclass(frozen=True)
class _Scalar:
    """An unquoted value that YAML does not read as text, and its text."""

    value: Any
    text: str


class _Reader:
    """Turns the nodes of one document into plain data."""

    def __init__(self, loader: _Loader, offset: int, mistakes: list[YamlMistake]) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.texts: dict[KeyPath, str] = {}
        self._loader, self._offset, self._mistakes = loader, offset, mistakes
        self._open: set[int] = set()

    def read(self, node: yaml.Node) -> Any:
        """The document's plain data; afterwards ``lines`` and ``texts`` are known."""
        return self._without_texts(self._plain(node, ()), ())

    def _without_texts(self, value: Any, path: KeyPath) -> Any:
        """The data alone, when it is clear which of the merged values count."""
        if isinstance(value, dict):
            return {key: self._without_texts(inner, (*path, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._without_texts(inner, (*path, number)) for number, inner in enumerate(value)]
        if isinstance(value, _Scalar):
            self.texts[path] = value.text
            return value.value
        return value

    def _plain(self, node: yaml.Node, path: KeyPath, line: int | None = None) -> Any:
        self.lines.setdefault(path, line or self._line(node))
        if id(node) in self._open:
            raise yaml.constructor.ConstructorError(None, None, "an alias that contains itself", node.start_mark)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._plain(item, (*path, number)) for number, item in enumerate(node.value)]
            value = self._loader.construct_object(node, deep=True)
            return (
                value
                if not isinstance(node, yaml.ScalarNode) or node.style is not None or isinstance(value, str)
                else _Scalar(value, node.value)
            )
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                    inherited = self._plain(source, path)
                    merged = {**(inherited if isinstance(inherited, dict) else {}), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._mistakes.append(YamlMistake(self._line(key_node), "a key must be a plain name", path))
                continue
            key: str = key_node.value
            here = (*path, key)
            if key in result:
                first = self.lines[here]
                self._mistakes.append(
                    YamlMistake(self._line(key_node), f"the key {key!r} stands here a second time; the first is on line {first}", here)
                )
                continue
            self.lines[here] = self._line(key_node)
            result[key] = self._plain(value_node, here, self._line(key_node))
        return {**merged, **result}

    def _line(self, node: yaml.Node) -> int:
        return self._offset + int(node.start_mark.line) + 1
