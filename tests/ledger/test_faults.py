"""Databases that fail: a clear error, nothing half written, and everything back once they work again."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from mlops_assets.ledger import Draft, Ledger, LedgerError, open_ledger
from mlops_assets.ledger.verify import verify

from .lives import MODEL, NOTE

Opened = Callable[..., Ledger]


def _append(ledger: Ledger, count: int = 1) -> None:
    ledger.append_all([Draft("drift_found", "os:ana", NOTE, MODEL, "dev")] * count)


def _in_a_child(act: Callable[[], object]) -> str:
    """What ``act`` said in a process of its own: the text of its LedgerError, or nothing."""
    receive, send = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        try:
            act()
            send.send("")
        except LedgerError as error:
            send.send(str(error))
        except BaseException as error:
            send.send(f"not a LedgerError: {error!r}")
        os._exit(0)
    said = receive.recv() if receive.poll(60) else "no answer"
    os.waitpid(child, 0)
    return str(said)


def test_a_file_that_may_not_be_written_is_told_and_can_still_be_read() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs to change the user")
    folder = Path(tempfile.mkdtemp(prefix="mlops-ledger-"))
    folder.chmod(0o755)
    url = str(folder / "ledger.db")
    ledger = open_ledger(url)
    _append(ledger)
    ledger.close()

    def write() -> None:
        os.setuid(65534)
        _append(open_ledger(url))

    def read() -> None:
        os.setuid(65534)
        assert open_ledger(url, create=False).size() == 1

    said = _in_a_child(write)
    assert "may not be written" in said or "cannot be opened" in said
    assert "Nothing was recorded" in said
    assert _in_a_child(read) == ""
    assert open_ledger(url).size() == 1
    shutil.rmtree(folder)


def test_a_full_disk_keeps_what_was_there_and_takes_more_once_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        ledger = open_ledger(str(disk / "ledger.db"))
        _append(ledger, 10)
        filler = disk / "filler"
        with suppress(OSError):
            filler.write_bytes(b"x" * 1_000_000)
        with pytest.raises(LedgerError, match="the disk is full"):
            _append(ledger, 500)
        assert ledger.size() == 10
        filler.unlink()
        _append(ledger, 10)
        assert verify(ledger).events == 20
        ledger.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_file_that_may_not_grow_gives_a_clear_error_and_no_half_batch(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.db")
    ledger = open_ledger(url)
    _append(ledger, 10)
    ledger.close()

    def write() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limited = open_ledger(url)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
        _append(limited, 5_000)

    assert "is not available" in _in_a_child(write)
    assert open_ledger(url).size() == 10
    assert verify(open_ledger(url)).status != "fail"


@pytest.mark.parametrize("at", [0, 1, 3])
def test_a_corrupt_file_is_told_to_be_so(tmp_path: Path, at: int) -> None:
    file = tmp_path / "ledger.db"
    ledger = open_ledger(str(file))
    _append(ledger, 200)
    with ledger.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    ledger.close()
    content = bytearray(file.read_bytes())
    content[at * 4096 : at * 4096 + 2048] = os.urandom(2048)
    file.write_bytes(bytes(content))
    with pytest.raises(LedgerError, match=r"corrupt|not a SQLite|is not JSON|cannot be read|audit verify|it is not a ledger"):
        _append(open_ledger(str(file)))


def test_a_damaged_index_is_named_although_every_event_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    ledger = open_ledger(str(file), checkpoints=tmp_path / "checkpoints")
    _append(ledger, 200)
    with ledger.engine.connect() as connection:
        pages = connection.exec_driver_sql("SELECT name, pageno FROM dbstat WHERE name = 'events_by_model' AND pagetype = 'leaf'").all()
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert verify(ledger).status == "pass"
    ledger.close()
    content = bytearray(file.read_bytes())
    start = (pages[0][1] - 1) * 4096
    content[start + 2048 : start + 4096] = content[start + 2047 : start + 4095]
    file.write_bytes(bytes(content))
    found = verify(open_ledger(str(file), checkpoints=tmp_path / "checkpoints"))
    assert found.status == "fail"
    assert {problem.kind for problem in found.problems} == {"corrupt"}


def test_text_in_place_of_a_database_is_told_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("sequence,time\n1,now\n" * 500)
    with pytest.raises(LedgerError, match="not a SQLite database"):
        open_ledger(str(tmp_path / "ledger.db"))


def test_a_locked_database_is_told_after_the_patience_is_over(url: str, opened: Opened) -> None:
    ledger = opened(patience=0.4)
    _append(ledger)
    if ledger.engine.dialect.name == "sqlite":
        holder = sqlite3.connect(str(ledger.engine.url.database), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        release: Callable[[], object] = lambda: holder.execute("ROLLBACK")  # noqa: E731
    else:
        import psycopg

        connection = psycopg.connect(url)
        connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
        release = connection.close
    with pytest.raises(LedgerError, match="another process keeps it locked"):
        _append(ledger)
    assert ledger.size() == 1
    release()
    _append(ledger)
    assert verify(ledger).status == "pass"


def test_a_killed_writer_leaves_a_whole_chain_and_no_lock(url: str, opened: Opened) -> None:
    ledger = opened()
    _append(ledger, 5)
    ledger.close()
    receive, send = multiprocessing.Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        other = open_ledger(url)
        send.send("started")
        while True:
            _append(other, 3)
    assert receive.recv() == "started"
    receive.poll(0.3)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    after = opened()
    size = after.size()
    assert (size - 5) % 3 == 0
    _append(after)
    assert verify(after).problems == ()


def test_a_postgresql_that_goes_away_and_comes_back(postgresql: str, postgresql_database: str) -> None:
    import psycopg

    ledger = open_ledger(postgresql_database)
    _append(ledger)
    name = postgresql_database.rsplit("/", 1)[1]
    with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        with pytest.raises(LedgerError, match=r"does not answer|is not available"):
            _append(ledger)
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    _append(ledger)
    assert ledger.size() == 2
    assert verify(ledger).events == 2


def test_a_connection_that_is_cut_in_the_middle_of_an_append_keeps_nothing(postgresql: str, postgresql_database: str) -> None:
    import psycopg
    from sqlalchemy import event

    ledger = open_ledger(postgresql_database)
    _append(ledger)

    def cut(connection: object, cursor: object, statement: str, *more: object) -> None:
        if statement.startswith("INSERT"):
            with psycopg.connect(f"{postgresql}/postgres", autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (postgresql_database.rsplit("/", 1)[1],)
                )

    event.listen(ledger.engine, "before_cursor_execute", cut)
    with pytest.raises(LedgerError, match="does not answer"):
        _append(ledger)
    event.remove(ledger.engine, "before_cursor_execute", cut)
    assert ledger.size() == 1
    _append(ledger)
    assert ledger.size() == 2


def test_a_password_never_stands_in_an_error(postgresql: str) -> None:
    url = postgresql.replace("mlops@", "mlops:secret@") + "/no_such_database"
    with pytest.raises(LedgerError) as caught:
        open_ledger(url)
    assert "secret" not in str(caught.value)
