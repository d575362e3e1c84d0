"""The journal: one line a request, error or outcome, appended by each worker to segment files of its own.

The request path only adds bytes to a list. A thread writes what has gathered with one ``write`` every ``flush`` seconds and calls ``fsync``
every ``sync`` seconds. So a killed worker loses what it answered in the last ``flush`` seconds, and a power cut what was answered in the
last ``sync`` seconds; what a client was not answered may stand in it. When the disk does not take the bytes, they wait in memory up to
``limit`` bytes; beyond that, lines are dropped and counted. Answers never wait for the journal.

A segment is locked as long as its writer lives; then :mod:`mlops_assets.serving.compaction` may take it. Lines are JSON arrays that begin
with their kind:

===============  =================================================================================================================
``version``      model, version, task, features as (name, type), entity, classes: stands before the first line about the version
``predictions``  ids, time, model, version, variant, principal, routing keys, rows, predictions, latency, as-of times of looked-up
                 features: what one version answered to one request, each list with one entry a row
``error``        id, time, model, version, variant, code
``outcome``      id of the prediction, time, model, outcome, principal, when it was known
===============  =================================================================================================================

Times are microseconds since 1970 (UTC), latencies microseconds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

SUFFIX = ".jsonl"


class PredictionLine(msgspec.Struct, array_like=True, gc=False):
    """What one version answered (or a shadow would have) to one request; lists have one entry a row."""

    kind: str
    ids: Sequence[str]
    time: int
    model: str
    version: int
    variant: str
    principal: str
    keys: Sequence[str | None]
    rows: Sequence[Any] | msgspec.Raw
    predictions: Sequence[Any]
    latency: int
    as_of: Sequence[Mapping[str, int]] | None = None


class Journal:
    """One worker's end of the journal.

    Args:
        folder: where segments go; shared by all workers of one machine.
        flush, sync: seconds between writes and between fsyncs; ``sync`` 0 means at every write.
        limit: bytes that may wait in memory.
        segment: bytes after which a segment is closed; ``rotate``: seconds after which it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        flush: float = 0.1,
        sync: float = 1.0,
        limit: int = 64 * 2**20,
        segment: int = 64 * 2**20,
        rotate: float = 300.0,
    ) -> None:
        self.written = 0
        self.dropped = 0
        self.failures = 0
        self.failing = ""
        self.encode = msgspec.json.Encoder().encode
        self._folder = folder
        self._flush, self._sync, self._limit, self._segment, self._rotate = flush, sync, limit, segment, rotate
        # Appended to by the event loop and taken from by the writing thread; each of the two counts its own bytes.
        self._lines: deque[bytes] = deque()
        self._taken = self._given = 0
        self._oldest = 0.0
        self._rest = b""
        self._descriptions: dict[tuple[str, int], bytes] = {}
        self._described: set[tuple[str, int]] = set()
        self._file: int | None = None
        self._length = 0
        self._opened = 0.0
        self._synced = 0.0
        self._count = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left and close the segment."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(10)
        self.flush()
        with self._lock:
            self._close()

    def describe(self, model: str, version: int, *description: Any) -> None:
        """Say once what the rows of a version hold, before the first of them."""
        if (model, version) not in self._descriptions:
            self._descriptions[model, version] = self.encode(["version", model, version, *description])

    def add(self, line: bytes, records: int = 1) -> None:
        """Take one line without its end, which stands for so many records; drop it if too much waits."""
        if self.waiting + len(line) >= self._limit:
            self.dropped += records
            return
        if self._taken == self._given:
            self._oldest = time.monotonic()
        self._taken += len(line) + 1
        self._lines.append(line)

    @property
    def lag(self) -> float:
        """Seconds that the oldest line has waited for the disk."""
        return time.monotonic() - self._oldest if self._lines or self._rest else 0.0

    @property
    def waiting(self) -> int:
        """Bytes that wait."""
        return self._taken - self._given

    def flush(self) -> None:
        """Write what has gathered; what the disk does not take stays."""
        with self._lock:
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                content = b"\n".join([*lines, b""])
                self._rest = self._rest + content if self._rest else content
            if not self._rest:
                return
            try:
                self._write()
                self.failing = ""
            except OSError as error:
                self.failures += 1
                self.failing = f"{type(error).__name__}: {error.strerror or error}"
                with contextlib.suppress(OSError):
                    self._abandon()

    def _run(self) -> None:
        while not self._stop.wait(self._flush):
            self.flush()
            now = time.monotonic()
            with self._lock:
                if self._file is not None and (self._length >= self._segment or now - self._opened >= self._rotate):
                    self._close()
            if self._file is not None and self._sync and now - self._synced >= self._sync:
                self._fsync()

    def _write(self) -> None:
        if self._file is None:
            self._open()
        assert self._file is not None
        # Every segment says by itself what its rows hold, so that it can be read without the ones before it.
        new = {key: text for key, text in list(self._descriptions.items()) if key not in self._described}
        content = memoryview(b"\n".join([*new.values(), self._rest]) if new else self._rest)
        done = 0
        while done < len(content):
            done += os.write(self._file, content[done:])
        self._length += done
        self._described.update(new)
        self.written += self._rest.count(b"\n")
        self._given += len(self._rest)
        self._rest = b""
        if not self._sync:
            os.fsync(self._file)

    def _abandon(self) -> None:
        """After a failed write: cut a half-written line off, so that the next attempt is not glued to it."""
        if self._file is not None:
            os.ftruncate(self._file, self._length)
            os.lseek(self._file, self._length, os.SEEK_SET)

    def _open(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            self._count += 1
            path = self._folder / f"{time.time_ns() // 1000:016x}-{os.getpid()}-{self._count}{SUFFIX}"
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(file)
                continue
            break
        self._file, self._length, self._opened = file, 0, time.monotonic()
        self._described = set()

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = None

    def _fsync(self) -> None:
        self._synced = time.monotonic()
        file = self._file
        if file is not None:
            try:
                os.fsync(file)
            except OSError as error:
                self.failures += 1
                self.failing = f"{type(error).__name__}: {error.strerror or error}"


def text_of_rows(body: bytes) -> bytes | None:
    """The list in a body of typed rows, as it stands there and on one line; None where that cannot be told at once."""
    # Without a backslash a quotation mark is one, so that the key stands once and nothing follows its list but the closing brace.
    if not body.startswith(b'{"data":') or b"\\" in body or b"\n" in body or b"\r" in body or body.count(b'"data"') != 1:
        return None
    return body[body.index(b"[") : body.rindex(b"]") + 1]
