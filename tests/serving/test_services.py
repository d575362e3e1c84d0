"""Links are given only into what runs: a record counts while its process lives and its port answers as that service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlops_assets.lifecycle.places import places
from mlops_assets.serving.services import DAGSTER, MLFLOW, PREDICTIONS, Record, running
from mlops_assets.settings import Settings, load_settings

ANSWERS = {
    DAGSTER: ("/server_info", '{"dagster_webserver_version":"1.13.27"}'),
    MLFLOW: ("/version", "3.17.2"),
    PREDICTIONS: ("/v2", '{"name":"mlops-assets","version":"1"}'),
}


@contextmanager
def listening(name: str | None, port: int = 0) -> Iterator[str]:
    """Something on a port that answers as the service of that name, or as none of them."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, body = ANSWERS[name] if name is not None else ("/", "hello")
            self.send_response(200 if name is None or self.path == path else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("MLOPS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "definitions").mkdir()
    return load_settings(tmp_path)


def urls(settings: Settings) -> dict[str, str]:
    return {name: one.url for name, one in running(settings).items()}


def test_what_runs_is_found_where_it_runs_and_not_after_its_end(settings: Settings) -> None:
    for name in ANSWERS:
        with listening(name) as url:
            record = Record(settings, name, url)
            assert urls(settings) == {name: url}
            record.end()
            assert urls(settings) == {}


def test_a_service_that_does_not_answer_is_not_found(settings: Settings) -> None:
    with listening(MLFLOW) as url:
        pass
    record = Record(settings, MLFLOW, url)
    assert urls(settings) == {}
    record.end()


@pytest.mark.parametrize("other", [None, DAGSTER])
def test_a_port_that_somebody_else_uses_makes_no_link(settings: Settings, other: str | None) -> None:
    with listening(other) as url:
        record = Record(settings, MLFLOW, url)
        assert urls(settings) == {}
        record.end()


def test_the_record_of_a_killed_process_does_not_count_though_another_service_of_that_kind_took_the_port(settings: Settings) -> None:
    with listening(MLFLOW) as url:
        script = "import sys, time; from pathlib import Path; from mlops_assets.serving.services import Record, MLFLOW\n"
        script += "from mlops_assets.settings import load_settings\n"
        script += f"r = Record(load_settings(Path({str(settings.project)!r})), MLFLOW, {url!r}); print('up', flush=True); time.sleep(60)"
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        assert urls(settings) == {MLFLOW: url}
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert urls(settings) == {}
        assert list((settings.home / "services").iterdir()) == [], "it is cleared away"


def test_a_record_lives_as_long_as_the_process_that_it_was_handed_to(settings: Settings) -> None:
    with listening(DAGSTER) as url:
        record = Record(settings, DAGSTER, url)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(record.descriptor,))
        record.hand_over()
        assert urls(settings) == {DAGSTER: url}
        child.kill()
        child.wait()
        assert urls(settings) == {}


def test_what_is_no_record_and_what_another_machine_left_is_passed_over(settings: Settings) -> None:
    with listening(PREDICTIONS) as url:
        record = Record(settings, PREDICTIONS, url)
        told = json.loads(record.file.read_text())
        record.file.write_text(json.dumps({**told, "host": "elsewhere"}))
        assert urls(settings) == {}
        record.file.write_text("{")
        assert urls(settings) == {}
        record.end()


def test_a_server_of_another_environment_is_not_taken_for_this_one(settings: Settings) -> None:
    with listening(PREDICTIONS) as url:
        record = Record(load_settings(settings.project, "prod"), PREDICTIONS, url)
        assert urls(settings) == {}
        assert urls(load_settings(settings.project, "prod")) == {PREDICTIONS: url}
        record.end()


def test_a_place_that_the_settings_name_counts_where_it_answers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(MLFLOW) as url:
        monkeypatch.setenv("MLOPS_MLFLOW_UI", url + "/")
        assert urls(load_settings(settings.project)) == {MLFLOW: url}
    assert urls(load_settings(settings.project)) == {}


def test_the_default_ports_are_nobodys(settings: Settings) -> None:
    try:
        with listening(MLFLOW, 5000):
            assert urls(settings) == {}
    except OSError:
        pytest.skip("port 5000 is in use here")


def test_a_kept_page_is_shown_where_mlflow_is_now_or_not_at_all(settings: Settings) -> None:
    kept = "http://127.0.0.1:5000/#/experiments/1/runs/2"
    assert places(settings).mlflow_page(kept) is None
    with listening(MLFLOW) as url:
        record = Record(settings, MLFLOW, url)
        here = places(settings)
        record.end()
    assert here.mlflow_page(kept) == f"{url}/#/experiments/1/runs/2"
    assert here.mlflow_version("m", 3) == f"{url}/#/models/m/versions/3"
    assert here.dagster_run("abc") is None
