"""Rows that wait to be stored: in memory, or in a scratch file once they are many, so that memory does not grow with the source."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

IN_MEMORY = 2**28
"""Bytes of rows that are kept in memory; more go to the scratch file."""

_PREFIX = ".rows-"
_ABANDONED = 86_400
"""Seconds after which a scratch folder is taken to be left behind by a process that was killed."""

_BEHIND = 2
"""Tables that may wait to be written while others are read."""


class Spool:
    """Tables of one schema that are put away and read again, in any order. Use it as a context: the scratch file is gone at its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[pa.Table] = []
        self._written: list[Future[None]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._writer: Any = None
        self.bytes = self.total = 0
        self.lengths: list[int] = []
        self.schema: pa.Schema = None

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.clear()

    @property
    def on_disk(self) -> bool:
        """Whether the rows are too many for memory."""
        return self._scratch is not None

    def add(self, table: pa.Table) -> None:
        """Put a table away."""
        self.lengths.append(table.num_rows)
        self.schema = table.schema
        self.bytes += table.nbytes
        self.total += table.num_rows
        if not self.on_disk:
            self._waiting.append(table)
            if self.bytes <= IN_MEMORY:
                return
            self._folder.mkdir(parents=True, exist_ok=True)
            _clean(self._folder)
            self._scratch = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=self._folder)
            self._pool = ThreadPoolExecutor(1)
            waiting, self._waiting = self._waiting, []
            for earlier in waiting:
                self._write(earlier)
        else:
            self._write(table)

    def __len__(self) -> int:
        """How many tables were put away."""
        return len(self.lengths)

    def table(self, number: int) -> pa.Table:
        """A table by its number, in the order in which they were put away.

        One on disk is mapped for as long as somebody has it or a part of it, and of it only what is looked at comes into memory.
        """
        import pyarrow as pa

        return self._waiting[number] if not self.on_disk else pa.Table.from_batches([self._opened().get_batch(number)])

    def clear(self) -> None:
        """Forget all of them."""
        if self._pool is not None:
            self._pool.shutdown()
        if self._writer is not None:
            self._writer.close()
        if self._scratch is not None:
            self._scratch.cleanup()
        self._waiting, self._written = [], []
        self._pool = self._scratch = self._writer = None
        self.bytes = self.total = 0
        self.lengths = []

    def _opened(self) -> Any:
        """The scratch file, mapped anew each time, so that what was looked at does not stay in memory for as long as the spool is there."""
        import pyarrow as pa

        if self._writer is not None:
            self._settle(0)
            self._writer.close()
            self._writer = None
        return pa.ipc.open_file(pa.memory_map(str(self._path)))

    @property
    def _path(self) -> Path:
        assert self._scratch is not None
        return Path(self._scratch.name) / "rows.arrow"

    def _write(self, table: pa.Table) -> None:
        import pyarrow as pa

        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), table.schema)
        assert self._pool is not None
        self._written.append(self._pool.submit(self._put, table))
        self._settle(_BEHIND)

    def _settle(self, left: int) -> None:
        """Wait until at most ``left`` tables are still being written."""
        while len(self._written) > left:
            self._written.pop(0).result()

    def _put(self, table: pa.Table) -> None:
        import pyarrow as pa

        whole = pa.Table.from_arrays([column.combine_chunks() for column in table.columns], schema=table.schema)
        (batch,) = whole.to_batches() or [pa.RecordBatch.from_pylist([], schema=table.schema)]
        self._writer.write_batch(batch)


def _clean(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left, ignore_errors=True)
