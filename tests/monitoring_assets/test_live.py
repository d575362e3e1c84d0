"""The demonstration's parts: a clock that lets weeks pass in seconds, customers who ask over HTTP, and a week of the live loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_assets.cli.demo_live import live
from mlops_assets.cli.demo_loop import MODEL, TRAINED_AT, Pace, advance, calendar_of, customers_of, make_project, simulated, train_first
from mlops_assets.examples.traffic import Report, Traffic
from mlops_assets.running.clock import Clock

START = datetime(2026, 1, 5, tzinfo=UTC)


def wall() -> int:
    return time.time_ns() // 1000


def test_a_clock_that_glides_passes_through_every_moment_in_between() -> None:
    clock = Clock(START)
    before = wall()
    clock.glide(START + timedelta(days=7), 0.2)
    assert START + timedelta(days=7) <= clock.now() < START + timedelta(days=7, minutes=1)
    halfway = datetime.fromtimestamp(clock.at(before + 100_000) / 1e6, UTC)
    assert timedelta(days=3) < halfway - START < timedelta(days=4)


def test_the_wall_is_translated_as_the_clock_stood_then_and_never_runs_back() -> None:
    clock = Clock(START)
    moments = []
    for step in (timedelta(hours=1), timedelta(days=7), timedelta(days=-30)):
        moments.append(wall())
        clock.to(clock.now() + step)
        clock.glide(clock.now() + timedelta(hours=2), 0.02)
    moments.append(wall())
    told = [clock.at(moment) for moment in range(moments[0], moments[-1], 500)]
    assert told == sorted(told)
    assert abs(clock.at(moments[0]) / 1e6 - START.timestamp()) < 5
    assert abs(clock.at(wall()) / 1e6 - clock.now().timestamp()) < 1


@pytest.fixture
def fickle() -> Iterator[ThreadingHTTPServer]:
    """A server that answers two of three requests, refuses every sixth and drops every sixth; it is slow once."""
    turns = iter(range(10**6))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            turn = next(turns)
            self.rfile.read(int(self.headers["Content-Length"]))
            if turn == 3:
                time.sleep(0.5)
            if turn % 6 == 5:
                self.close_connection = True
                return
            body = b'{"version": 4}'
            self.send_response(503 if turn % 6 == 2 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_every_request_that_is_not_answered_has_failed_and_waiting_counts(fickle: ThreadingHTTPServer) -> None:
    traffic = Traffic(("127.0.0.1", fickle.server_port), "/models/churn/predict", "key", "customer_id")
    traffic.ask([1, 2, 3], 60)
    time.sleep(1.0)
    traffic.ask([], 0)
    time.sleep(0.7)
    report = traffic.report()
    assert report.asked >= 55, "the rate does not follow the server's pace"
    failed = {reason.partition(":")[0]: count for reason, count in report.failed.items()}
    assert failed.keys() == {"503", "no answer"}
    assert len(report.latencies) + sum(failed.values()) == report.asked
    assert report.versions["4"][0] == len(report.latencies)
    assert max(report.latencies) > 0.4
    assert traffic.report() == Report()


def test_a_week_under_load_is_monitored_from_what_the_server_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.compute as pc

    project = make_project(tmp_path / "shop")
    monkeypatch.setenv("DAGSTER_HOME", str(project / "dagster_home"))
    with simulated(project) as simulation:
        train_first(simulation)
        workspace, calendar = simulation.workspace, calendar_of(simulation.workspace)
        with live(workspace, MODEL) as server:
            simulation.settle(simulation.clock.now())
            server.wait_for(1, customers_of(workspace, TRAINED_AT)[0])
            key = calendar.shift(TRAINED_AT, 1)
            week = advance(simulation, server, Pace(1, 1.5, 300), key)
        assert simulation.failures() == []
        assert week.answers is not None
        assert week.answers.failed == {}
        assert week.answers.versions.keys() == {1}
        answered = workspace.store.read(workspace.store.current(f"{MODEL}/predictions", key))
        assert 300 < answered.num_rows <= week.answers.asked + 5
        assert pc.unique(answered.column("__principal")).to_pylist() == ["shop-web"]
        moments = answered.column("__predicted_at")
        assert calendar.start_of(key) <= pc.min(moments).as_py()
        assert pc.max(moments).as_py() < calendar.end_of(key)
        assert pc.max(moments).as_py() - pc.min(moments).as_py() > timedelta(days=6), "requests are spread over the simulated week"
        features = workspace.store.read(workspace.store.current("customer_habits", TRAINED_AT))
        used = answered.select(["customer_id", "recency_days"]).group_by(["customer_id", "recency_days"]).aggregate([])
        known = dict(zip(features.column("customer_id").to_pylist(), features.column("recency_days").to_pylist(), strict=True))
        assert all(known[row["customer_id"]] == row["recency_days"] for row in used.to_pylist())
        for kind in ("data_quality", "drift", "performance"):
            assert workspace.store.current(f"{MODEL}/{kind}", key) is not None, kind
        assert workspace.store.current(f"{MODEL}/scores", key) is None
