"""SQL, Python functions, downloads, bundled sets and the simulator."""

from __future__ import annotations

import hashlib
import io
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_assets.data.ingest.tables import read_source
from mlops_assets.data.sources import SourceError, fingerprint
from mlops_assets.errors import MlopsError
from mlops_assets.spec import Dataset

DAILY = {"every": "day", "start": "2026-01-01"}
WINDOW = (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


@pytest.fixture
def database(project) -> str:
    connection = sqlite3.connect(project.folder / "db.sqlite")
    connection.execute("create table orders (id integer, at text, note)")
    rows = [
        (4, "2026-01-02 23:59:59", None),
        (1, "2026-01-01 23:59:59", "x"),
        (3, "2026-01-02T12:00:00", 5),
        (2, "2026-01-02", "y"),
        (5, "2026-01-03 00:00:00", "z"),
    ]
    connection.executemany("insert into orders values (?, ?, ?)", rows)
    connection.commit()
    return f"sqlite:///{project.folder}/db.sqlite"


def test_a_query_reads_its_window_whatever_way_times_are_written(project, database: str) -> None:
    source = {"sql": {"url": database, "query": "select * from orders where at >= :start and at < :end"}}
    dataset = Dataset(name="t", source=source, partitions=DAILY, event_time="at", primary_key="id")
    project.ingest(dataset, ["2026-01-02"])
    assert [row["id"] for row in project.rows(dataset, "2026-01-02")] == [2, 3, 4]
    assert [row["note"] for row in project.rows(dataset, "2026-01-02")] == ["y", "5", None]


def test_the_order_in_which_a_database_answers_makes_no_version(project, database: str) -> None:
    versions = set()
    for order in ("asc", "desc"):
        source = {"sql": {"url": database, "query": f"select id, 1 as one from orders order by id {order}"}}
        versions.add(project.ingest(Dataset(name="t", source=source, primary_key="id"))[0].manifest.digest)
    assert len(versions) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select absent from orders", "no such column: absent"),
        ("select * from orders where id = :id", "binds :id"),
        ("select id, id from orders", "more than once"),
    ],
)
def test_a_query_that_fails_says_why(project, database: str, query: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_source(Dataset(name="t", source={"sql": {"url": database, "query": query}}), None, project.context)


def test_a_password_is_never_shown_and_identifies_nothing(project) -> None:
    def dataset(password: str) -> Dataset:
        return Dataset(name="t", source={"sql": {"url": f"nosuch://me:{password}@host/db", "query": "select 1"}})

    with pytest.raises(SourceError) as error:
        read_source(dataset("hunter2"), None, project.context)
    assert "hunter2" not in str(error.value)
    assert fingerprint(dataset("hunter2"), project.context) == fingerprint(dataset("other"), project.context)


FUNCTIONS = """
import pandas as pd
import pyarrow as pa

def window(start, end, factor=1):
    return pd.DataFrame({"at": pd.date_range(start, end, freq="12h", inclusive="left"), "n": factor})

def everything():
    return pa.table({"n": [1, 2]})

def wrong(start, end):
    return [1, 2]

def raises(start, end):
    rows = []
    return rows[0]

def one(start):
    return None

def mixed():
    import datetime
    zoned = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    return pd.DataFrame({"at": pd.Series([zoned, datetime.datetime(2026, 1, 1, 5)], dtype=object), "n": [1, 2]})

def doubled(frame):
    return frame.assign(n=frame["n"] * 2, day=frame["at"].dt.floor("D"))

def nothing(frame):
    frame["m"] = 1
"""


def python(function: str, **more: object) -> Dataset:
    return Dataset(name="t", source={"python": {"function": f".functions:{function}", **more.pop("source", {})}}, **more)


def test_a_function_gets_the_window_and_its_arguments(project) -> None:
    project.write("functions.py", FUNCTIONS)
    table = read_source(python("window", source={"arguments": {"factor": 3}}), WINDOW, project.context)
    assert table["n"].to_pylist() == [3, 3]
    assert read_source(python("everything"), None, project.context)["n"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong", r"\.functions:wrong returned list"),
        ("raises", r"functions\.py:16: \.functions:raises raised IndexError"),
        ("one", r"takes \(start\)"),
        ("windw", r"Did you mean 'window'"),
    ],
)
def test_a_function_that_does_not_do_is_named_with_its_line(project, function: str, message: str) -> None:
    project.write("functions.py", FUNCTIONS)
    with pytest.raises(MlopsError, match=message):
        read_source(python(function), WINDOW, project.context)


def test_prepare_makes_columns_that_the_partitions_need(project) -> None:
    project.write("functions.py", FUNCTIONS)
    dataset = python("window", prepare=".functions:doubled", partitions=DAILY, event_time="day")
    project.ingest(dataset, ["2026-01-01", "2026-01-02"])
    assert [(row["n"], row["day"]) for row in project.rows(dataset, "2026-01-02")] == [(2, datetime(2026, 1, 2, tzinfo=UTC))] * 2


def test_prepare_that_returns_nothing_is_named(project) -> None:
    project.write("functions.py", FUNCTIONS)
    with pytest.raises(SourceError, match=r"\.functions:nothing returned NoneType"):
        read_source(python("window", prepare=".functions:nothing"), WINDOW, project.context)


def test_a_function_that_mixes_naive_and_zoned_times_is_refused(project) -> None:
    project.write("functions.py", FUNCTIONS)
    with pytest.raises(MlopsError, match="time without a zone among zoned ones"):
        project.ingest(python("mixed", columns={"at": {"type": "datetime"}}))


CONTENT = b"a,b\n1,x\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, content)
    return out.getvalue()


class Server(ThreadingHTTPServer):
    requests: list[str]
    broken: int


@pytest.fixture
def server() -> Iterator[Server]:
    files = {
        "/t.csv": CONTENT,
        "/t.zip": zipped("deep/t.csv", CONTENT),
        "/nested.zip": zipped("t.zip", zipped("deep/t.csv", CONTENT)),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.requests.append(self.path)
            content = files.get(self.path)
            if self.server.broken > 0:
                self.server.broken -= 1
                self.send_error(503)
            elif content is None:
                self.send_error(404)
            else:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.requests, server.broken = [], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def pinned(server: Server, path: str = "/t.csv", sha256: str = DIGEST, **more: object) -> Dataset:
    return Dataset(name="t", source={"url": {"url": f"http://127.0.0.1:{server.server_port}{path}", "sha256": sha256, **more}})


def test_a_download_is_retried_cached_and_shows_progress(project, server: Server) -> None:
    seen: list[tuple[str, int, int | None]] = []
    context = replace(project.context, progress=lambda *step: seen.append(step))
    server.broken = 2
    for _ in range(2):
        assert read_source(pinned(server), None, context).to_pylist() == [{"a": 1, "b": "x"}]
    assert len(server.requests) == 3
    assert seen == [("download t.csv", len(CONTENT), len(CONTENT))]


def test_an_altered_cache_is_fetched_again(project, server: Server) -> None:
    read_source(pinned(server), None, project.context)
    (project.context.cache / DIGEST / "t.csv").write_bytes(b"a,b\n2,y\n")
    assert read_source(pinned(server), None, project.context)["a"].to_pylist() == [1]


@pytest.mark.parametrize(("path", "member"), [("/t.zip", "deep/t.csv"), ("/nested.zip", "t.zip/deep/t.csv")])
def test_a_member_of_an_archive_is_read(project, server: Server, path: str, member: str) -> None:
    assert read_source(pinned(server, path, member=member), None, project.context)["a"].to_pylist() == [1]
    with pytest.raises(SourceError, match="no member 'other'"):
        read_source(pinned(server, path, member="other"), None, replace(project.context, cache=project.folder / "elsewhere"))


def test_the_mirror_is_asked_first_and_needs_no_network(project, server: Server) -> None:
    mirror = project.folder / "mirror"
    mirror.mkdir()
    (mirror / "mine.csv").write_bytes(CONTENT)
    context = replace(project.context, mirror=mirror)
    assert read_source(pinned(server, file="mine.csv"), None, context)["a"].to_pylist() == [1]
    assert server.requests == []
    (mirror / "t.zip").write_bytes(zipped("deep/t.csv", CONTENT))
    assert read_source(pinned(server, "/t.zip", member="deep/t.csv"), None, context)["a"].to_pylist() == [1]
    assert server.requests == []


def test_a_wrong_digest_names_both(project, server: Server) -> None:
    wrong = "0" * 64
    with pytest.raises(SourceError) as error:
        read_source(pinned(server, sha256=wrong), None, project.context)
    assert DIGEST in str(error.value)
    assert wrong in str(error.value)
    mirror = project.folder / "mirror"
    mirror.mkdir()
    (mirror / "t.csv").write_bytes(b"other")
    with pytest.raises(SourceError, match=hashlib.sha256(b"other").hexdigest()):
        read_source(pinned(server), None, replace(project.context, mirror=mirror))


def test_a_file_that_is_gone_says_what_to_do_and_is_not_asked_for_again(project, server: Server) -> None:
    with pytest.raises(SourceError, match="MLOPS_MIRROR"):
        read_source(pinned(server, "/gone.csv"), None, project.context)
    assert server.requests == ["/gone.csv"]
    server.broken = 99
    with pytest.raises(SourceError, match="503"):
        read_source(pinned(server), None, project.context)


def test_bundled_sets_have_a_target(project) -> None:
    table = read_source(Dataset(name="t", source={"sklearn": "iris"}), None, project.context)
    assert (table.num_rows, set(table["target"].to_pylist())) == (150, {"setosa", "versicolor", "virginica"})
    assert "sepal_length_cm" in table.column_names
    assert read_source(Dataset(name="t", source={"sklearn": "diabetes"}), None, project.context)["target"].type == "double"


def test_the_simulated_shop_gives_a_day_or_the_roster_at_its_end(project) -> None:
    orders = Dataset(name="orders", source={"simulator": "orders"}, partitions=DAILY, event_time="ordered_at", primary_key="order_id")
    customers = Dataset(name="customers", source={"simulator": "customers"}, kind="snapshot", partitions=DAILY, primary_key="customer_id")
    project.ingest(orders, ["2026-01-05", "2026-01-06"])
    project.ingest(customers, ["2026-01-05", "2026-01-06"])
    assert {row["ordered_at"].date().isoformat() for row in project.rows(orders, "2026-01-06")} == {"2026-01-06"}
    assert len({row["day"] for row in project.rows(customers, "2026-01-06")}) == 1
    with pytest.raises(SourceError, match="never ends"):
        read_source(Dataset(name="t", source={"simulator": "orders"}), None, project.context)
