"""The pieces of one delimited file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.data.sources import pieces
from mlops_assets.data.sources.delimited.chunks import Chunk, chunks
from mlops_assets.data.sources.delimited.first_rows import look_at_first_rows
from mlops_assets.data.sources.delimited.headerless import look_at_header
from mlops_assets.data.sources.delimited.lines import Lines
from mlops_assets.data.sources.delimited.parsing import Parser
from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.paths import is_url, open_file
from mlops_assets.data.sources.pieces import Piece
from mlops_assets.errors import MlopsError
from mlops_assets.spec.delimited import Dialect, Head, Misread, Utf8Blocks, read_head

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.sources import CsvFormat

CHUNK_BYTES = 2**22
"""About how many bytes are parsed at once by one thread, where columns are few."""
HEAD_BYTES = 2**16
"""Bytes in which the first row is looked for at first."""
_FEW = 256


def file_pieces(path: str, form: CsvFormat, *, shown: bool) -> Iterator[Piece]:
    """The rows of one file, in pieces of about ``PIECE_BYTES``; at least one piece, so that the columns are known.

    A file without any row has no columns, if none are declared. ``shown``: whether errors may show the beginning of a row.

    Raises:
        SourceError: for a file that cannot be read as it is declared, with its line.
    """
    with _located(path):
        before = _stamp(path)
        with open_file(path) as stream:
            yield from _pieces(path, form, stream.read, shown)
        if before is not None and _changed(before, _stamp(path)):
            raise Misread(
                "the file was changed while it was read.", do="Write to another name and rename the file once it is whole, then read again."
            )


def _pieces(path: str, form: CsvFormat, read: Callable[[int], bytes], shown: bool) -> Iterator[Piece]:
    import pyarrow as pa

    blocks = Utf8Blocks(read, form.encoding)
    head = read_head(blocks, form, min(CHUNK_BYTES, HEAD_BYTES))
    if head.names is None:
        yield Piece(pa.table({}), text=True, origin=path)
        return
    dialect = Dialect.of(form)
    size = _chunk_size(head)
    parser = Parser(head, dialect, blocks, shown)
    lines = Lines(lambda: _again(path, form), parser)
    waiting: list[pa.Table] = []
    bytes_waiting = first = seen = 0
    for chunk, table in _parsed(_looked_at(chunks(blocks, head, dialect, size), parser, form), parser):
        if chunk.number == 0 and head.written:
            look_at_header(head, table)
        lines.add(chunk, table.num_rows)
        waiting.append(table)
        seen += table.num_rows
        bytes_waiting += table.nbytes
        if bytes_waiting >= pieces.PIECE_BYTES and seen > first:
            yield Piece(pa.concat_tables(waiting), text=True, origin=path, first=first, line_of=lines)
            waiting, bytes_waiting, first = [], 0, seen
    if seen > first or not first:
        empty = pa.table({name: pa.array([], pa.string()) for name in head.names})
        yield Piece(pa.concat_tables(waiting or [empty]), text=True, origin=path, first=first, line_of=lines)


def _looked_at(found: Iterator[Chunk], parser: Parser, form: CsvFormat) -> Iterator[Chunk]:
    """The same chunks, once the first one is found to be of the declared form."""
    for chunk in found:
        if chunk.number == 0:
            look_at_first_rows(chunk, parser, form)
        yield chunk


def _parsed(found: Iterator[Chunk], parser: Parser) -> Iterator[tuple[Chunk, pa.Table]]:
    """Chunks with their tables, in order; a few are parsed at the same time."""
    import pyarrow as pa

    threads = pa.cpu_count()
    waiting: deque[tuple[Chunk, Future[pa.Table]]] = deque()
    failed: Misread | None = None
    with ThreadPoolExecutor(threads) as pool:
        while True:
            try:
                chunk = next(found, None)
            except Misread as error:
                chunk, failed = None, error
            if chunk is not None:
                waiting.append((chunk, pool.submit(parser.table, chunk)))
            while waiting and (chunk is None or len(waiting) > 2 * threads):
                done, table = waiting.popleft()
                yield done, table.result()
            if chunk is None:
                break
    if failed is not None:
        raise failed


def _again(path: str, form: CsvFormat) -> Iterator[Chunk]:
    """The chunks of a file that was read before."""
    with open_file(path) as stream:
        blocks = Utf8Blocks(stream.read, form.encoding)
        head = read_head(blocks, form, min(CHUNK_BYTES, HEAD_BYTES))
        yield from chunks(blocks, head, Dialect.of(form), _chunk_size(head))


def _chunk_size(head: Head) -> int:
    """Enough for the number of columns, since each column of each chunk costs some time of its own."""
    return min(CHUNK_BYTES * (1 + len(head.names or ()) // _FEW), pieces.PIECE_BYTES)


@contextmanager
def _located(path: str) -> Iterator[None]:
    try:
        yield
    except Misread as error:
        where = path if error.line is None else f"{path}:{error.line}"
        raise SourceError(error.found, where=where, valid=error.valid, do=error.do) from error
    except PermissionError as error:
        raise SourceError("it may not be read: permission denied.", where=path, do="Give mlops the right to read it.") from error
    except FileNotFoundError as error:
        raise SourceError("there is no such file.", where=path, do="It was there when its folder was listed; read again.") from error
    except (OSError, EOFError) as error:
        if Path(path).is_dir():
            do = f"Write {path.rstrip('/')}/* to read all files in it."
            raise SourceError("this is a folder, not a file.", where=path, do=do) from error
        raise SourceError(f"it cannot be read to its end: {error}.", where=path, do=_repair(path)) from error
    except MlopsError:
        raise
    except Exception as error:
        if not is_url(path):
            raise
        raise SourceError(f"it cannot be read: {type(error).__name__}: {error}.", where=path) from error


def _repair(path: str) -> str:
    if path.endswith((".gz", ".bz2", ".zst", ".lz4", ".br")):
        return "The packed file is cut off or damaged, or its name's ending is wrong; fetch it again."
    return "Try again, or copy the file to another disk."


def _stamp(path: str) -> Any:
    return None if is_url(path) else os.stat(path)  # noqa: PTH116


def _changed(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether the same file has other content; one that was put in its place does not change what was read."""
    return before.st_ino == after.st_ino and (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
