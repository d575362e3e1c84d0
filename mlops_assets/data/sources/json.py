"""Newline-delimited JSON, or one JSON array of objects: every value as it is written there, with the kinds of values that columns hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.paths import SourceFile, files_of, has_file_per_partition, open_file
from mlops_assets.data.sources.pieces import PIECE_BYTES, Piece, Pieces

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import JsonSource

_KINDS = {b'"': "text", b"t": "boolean", b"f": "boolean", b"{": "nested", b"[": "nested"}

Row = dict[str, bytes]
"""A row by column: each value as it is written."""


def read(source: JsonSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of one or more JSON files."""
    for file in files_of(source.path, dataset, window, context):
        yield from read_file(file)


def read_file(file: SourceFile) -> Pieces:
    """Rows of one file; a key that a row does not have is missing in it.

    Raises:
        SourceError: for what is no JSON, or no objects, naming file and line.
    """
    first, lines = 0, 0
    for text in _blocks(file.path):
        if not lines and not first and text.lstrip()[:1] == b"[":
            yield _piece(_array(text, file.path), file, 0, None)
            return
        rows = _lines(text, file.path, lines)
        whole = text.count(b"\n") + (not text.endswith(b"\n"))
        yield _piece(rows, file, first, partial(_line, file.path))
        first, lines = first + len(rows), lines + whole


def _blocks(path: str) -> Iterator[bytes]:
    """The file in blocks that end with a line; one block where it is an array."""
    with open_file(path) as stream:
        rest = bytes(stream.read(PIECE_BYTES)).removeprefix(b"\xef\xbb\xbf")
        if rest.lstrip()[:1] == b"[":
            yield rest + bytes(stream.read())
            return
        while rest:
            more = bytes(stream.read(PIECE_BYTES))
            end = rest.rfind(b"\n") + 1 if more else len(rest)
            if end:
                yield rest[:end]
            rest = rest[end:] + more


def _array(content: bytes, path: str) -> list[Row]:
    try:
        items = _decoded(content, list)
    except ValueError as error:
        raise SourceError(f"this is no JSON: {error}", where=path) from None
    rows = []
    for number, item in enumerate(items, 1):
        try:
            rows.append(_row(item))
        except TypeError:
            raise SourceError(
                f"item {number} of the array is no object.", where=path, do="Each item must be one row: {name: value, …}."
            ) from None
    return rows


def _lines(content: bytes, path: str, before: int) -> list[Row]:
    import msgspec

    try:
        objects = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode_lines(content)
        return [{name: bytes(value) for name, value in row.items()} for row in objects]
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    rows = []
    for number, line in enumerate(content.split(b"\n"), before + 1):
        if not line.strip():
            continue
        try:
            rows.append(_row(line))
        except TypeError:
            raise SourceError(
                "this is no JSON object.", where=f"{path}:{number}", do="Each line must be one row: {name: value, …}."
            ) from None
        except ValueError as error:
            raise SourceError(f"this is no JSON: {error}", where=f"{path}:{number}") from None
    return rows


def _row(text: bytes) -> Row:
    """One object.

    Raises:
        ValueError: for what is no JSON.
        TypeError: for what is no object.
    """
    found: dict[str, Any] = _decoded(text, dict)
    return {name: bytes(value) for name, value in found.items()}


def _decoded(text: bytes, container: type) -> Any:
    """A list or an object whose items are as they are written; ``NaN`` and ``Infinity`` are numbers, as Python and pandas write them.

    Raises:
        ValueError: for what is no JSON.
        TypeError: for what is something else.
    """
    import msgspec

    form: Any = dict[str, msgspec.Raw] if container is dict else list[msgspec.Raw]
    try:
        return msgspec.json.decode(text, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError):
        plain: Any = json.loads(text, parse_float=_Written, parse_int=_Written, parse_constant=_Written)
        if not isinstance(plain, dict if container is dict else list):
            raise TypeError from None
        return {k: _dumped(v) for k, v in plain.items()} if isinstance(plain, dict) else [_dumped(item) for item in plain]


class _Written(float):
    """A number that remembers how it was written."""

    def __new__(cls, text: str) -> _Written:
        self = super().__new__(cls, text)
        self.text = text
        return self

    text: str

    def __repr__(self) -> str:
        return self.text


def _dumped(value: Any) -> bytes:
    return repr(value).encode() if isinstance(value, _Written) else json.dumps(value, ensure_ascii=False).encode()


def _piece(rows: Sequence[Row], file: SourceFile, first: int, line_of: Callable[[int], int] | None) -> Piece:
    import pyarrow as pa

    columns: dict[str, pa.Array] = {}
    written: dict[str, frozenset[str]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        try:
            columns[name], written[name] = _column([row.get(name) for row in rows])
        except (UnicodeError, pa.ArrowInvalid) as error:
            raise SourceError(f"column {name!r} holds what is no text: {error}", where=file.path) from None
    table = pa.table(columns)
    lost = {"nothing is written in the row": len(rows)} if rows and not columns else {}
    return Piece(table, True, file.partition, True, file.path, first, line_of, written, lost)


def _column(values: list[bytes | None]) -> tuple[pa.Array, frozenset[str]]:
    """Values as text, without the quotes of what is written as text; and the kinds of values that there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    tokens = pa.array(values, pa.binary())
    tokens = pc.if_else(pc.equal(tokens, b"null"), None, tokens)
    begins = pc.unique(pc.binary_slice(tokens, 0, 1)).to_pylist()
    kinds = frozenset(_KINDS.get(begin, "number") for begin in begins if begin is not None)
    texts = tokens.cast(pa.string())
    if "text" not in kinds:
        return texts, kinds
    quoted = pc.starts_with(texts, '"')
    plain = pc.utf8_slice_codeunits(texts, 1, -1)
    if pc.any(pc.and_(quoted, pc.match_substring(texts, "\\"))).as_py():
        escaped = [json.loads(text) if text is not None and text[0] == '"' and "\\" in text else text for text in texts.to_pylist()]
        masks = pc.and_(quoted, pc.match_substring(texts, "\\"))
        plain = pc.if_else(masks, pa.array(escaped, pa.string()), plain)
    return pc.if_else(quoted, plain, texts), kinds


def _line(path: str, row: int) -> int:
    """Line of a row, counting those that are blank."""
    found = -1
    with open_file(path) as stream:
        number, rest = 0, b""
        while chunk := bytes(stream.read(2**22)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                number += 1
                found += bool(line.strip())
                if found == row:
                    return number
    return number + 1


SOURCE = SourceKind(
    read,
    has_history=lambda source, _: has_file_per_partition(source.path),
    rereadable=True,
    files=lambda source, *about: files_of(source.path, *about),
)
