"""Versions come and go while requests run: nothing is dropped, nothing stale answers for long."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from mlops_assets.ledger import actions
from mlops_assets.ledger.events import read_time
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.serving.follower import Follower
from mlops_assets.serving.routing import place_of
from tests.serving.projects import TYPES, Project, Running, json_rows, start


def eventually(what: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


@pytest.fixture
def followed(project: Project, tmp_path: Path) -> Iterator[tuple[Project, Follower]]:
    """A project and a follower of its ledger in this process."""
    follower = Follower(project.ledger, project.store, "test", tmp_path, interval=0.05)
    yield project, follower
    follower.stop()


def champion(follower: Follower) -> int | None:
    deployed = follower.models.get("m")
    return deployed.champion.served.number if deployed else None


def test_a_promotion_and_a_rollback_are_followed(followed: tuple[Project, Follower]) -> None:
    project, follower = followed
    project.promoted(project.trained(seed=1))
    follower.start()
    assert champion(follower) == 1
    project.promoted(project.trained(seed=2))
    eventually(lambda: champion(follower) == 2)
    begun = time.monotonic()
    actions.rollback(project.ledger, "m", "os:dev", reason="worse")
    eventually(lambda: champion(follower) == 1)
    assert time.monotonic() - begun < 1, "the predecessor is kept in memory"


def test_a_rollout_splits_by_key_and_a_growing_share_keeps_those_that_moved(followed: tuple[Project, Follower]) -> None:
    project, follower = followed
    project.promoted(project.trained(seed=1))
    project.challenged(project.trained(seed=2), share=0.25)
    follower.start()
    deployed = follower.models["m"]
    keys = [str(n) for n in range(4000)]
    moved = {key for key in keys if deployed.choose(key).name == "challenger"}
    assert 0.22 < len(moved) / len(keys) < 0.28
    assert moved == {key for key in keys if deployed.choose(key).name == "challenger"}, "sticky"
    project.ledger.append("traffic_shifted", "m", "os:dev", {"share": 0.5, "step": 1}, version=2)
    eventually(lambda: follower.models["m"].share == 0.5)
    assert moved < {key for key in keys if follower.models["m"].choose(key).name == "challenger"}
    another = {key for key in keys if place_of("m", 3, key) < 0.25}
    assert len(moved & another) < 0.4 * len(moved), "the next challenger meets other keys"


def test_a_version_without_standing_evidence_never_serves(followed: tuple[Project, Follower]) -> None:
    project, follower = followed
    bundle = project.trained(seed=1)
    project.promoted(bundle)
    digests = {"bundle": bundle.digest, "trees": bundle.trees_digest, "data": "data", "spec": "spec"}
    actions.record_verdict(
        project.ledger, "m", "dagster", id="second look", status="fail", digests=digests, gates=[{"name": "leakage", "status": "fail"}]
    )
    follower.start()
    assert "m" not in follower.models
    assert "leakage fail" in follower.problems["m"]


def test_an_altered_bundle_is_refused_and_the_one_before_serves_on(followed: tuple[Project, Follower]) -> None:
    project, follower = followed
    project.promoted(project.trained(seed=1))
    follower.start()
    bundle = project.trained(seed=2)
    for path in Path(project.settings.store_url).rglob("model.txt"):
        text = path.read_text()
        if text == (bundle.folder / "model.txt").read_text():
            path.chmod(0o644)
            path.write_text(text.replace("leaf_value=", "leaf_value=1", 1))
    project.promoted(bundle)
    eventually(lambda: "m" in follower.problems and "alter" in follower.problems["m"])
    assert champion(follower) == 1


def test_a_rolled_back_version_does_not_stay_even_if_the_restored_one_cannot_be_loaded(followed: tuple[Project, Follower]) -> None:
    project, follower = followed
    first = project.trained(seed=1)
    project.promoted(first)
    project.promoted(project.trained(seed=2))
    project.store.delete_pointer(f"bundles/{first.digest}")
    follower.start()
    assert champion(follower) == 2
    actions.rollback(project.ledger, "m", "os:dev", reason="harm")
    eventually(lambda: "m" not in follower.models)
    eventually(lambda: "no bundle" in follower.problems["m"])


def test_a_retired_model_stops_and_files_of_dropped_versions_are_removed(followed: tuple[Project, Follower], tmp_path: Path) -> None:
    project, follower = followed
    for seed in (1, 2, 3):
        project.promoted(project.trained(seed=seed))
    follower.start()
    assert len(list(tmp_path.glob("m-*"))) == 2, "the champion and the one that a rollback restores"
    actions.retire(project.ledger, "m", None, "os:dev", reason="no longer asked for")
    eventually(lambda: "m" not in follower.models)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, Running, list[Bundle], str]]:
    project = Project(tmp_path_factory.mktemp("two_workers"))
    bundles = [project.trained(seed=seed) for seed in (1, 2, 3)]
    project.promoted(bundles[0])
    key = project.key("caller", "viewer")
    server = start(project, "--workers", "2", journal_flush=0.05)
    eventually(lambda: len(server.workers()) == 2)
    yield project, server, bundles, key
    assert server.stop() == 0, server.log.read_text()


class Asking(threading.Thread):
    """Asks for predictions without pause; keeps every answer with the moments of asking and of the answer."""

    def __init__(self, server: Running, key: str, row: dict[str, Any], pause: float = 0.002) -> None:
        super().__init__(daemon=True)
        self.answers: list[tuple[datetime, datetime, int, int | None, str]] = []
        self.broken = 0
        self._server, self._key, self._row, self._pause = server, key, row, pause
        self._done = threading.Event()

    def run(self) -> None:
        with self._server.client(self._key) as client:
            while not self._done.is_set():
                asked = datetime.now(UTC)
                try:
                    answer = client.post("/models/m/predict", json={"data": [self._row]})
                except httpx.TransportError:
                    self.broken += 1
                    continue
                body = answer.json()
                version = body.get("version")
                self.answers.append((asked, datetime.now(UTC), answer.status_code, version, (body.get("prediction_ids") or [""])[0]))
                time.sleep(self._pause)

    def stop(self) -> None:
        self._done.set()
        self.join(15)


@contextlib.contextmanager
def asking_all(threads: list[Asking]) -> Iterator[None]:
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.stop()


def test_promotions_and_rollbacks_under_load_drop_nothing_and_every_answer_was_live(
    two_workers: tuple[Project, Running, list[Bundle], str],
) -> None:
    project, server, bundles, key = two_workers
    asking = [Asking(server, key, json_rows(bundles[0], 1)[0]) for _ in range(4)]
    with asking_all(asking):
        for bundle in bundles[1:]:
            time.sleep(0.7)
            project.promoted(bundle)
            time.sleep(0.7)
            actions.rollback(project.ledger, "m", "os:dev", reason="test")
        time.sleep(0.7)
    assert sum(thread.broken for thread in asking) == 0
    answers = [answer for thread in asking for answer in thread.answers]
    assert {status for _, _, status, _, _ in answers} == {200}
    assert len(answers) > 200
    reigns = project.ledger.state("m").intervals
    for asked, answered, _, version, _ in answers:
        live = [
            reign.version
            for reign in reigns
            if read_time(reign.since) <= answered and (reign.until is None or (asked - read_time(reign.until)).total_seconds() < 1)
        ]
        assert version in live
    assert len({version for _, _, _, version, _ in answers}) >= 2


def test_a_killed_worker_comes_back_and_the_journal_lacks_no_more_than_its_window(
    two_workers: tuple[Project, Running, list[Bundle], str],
) -> None:
    project, server, bundles, key = two_workers
    before = server.workers()
    asking = [Asking(server, key, json_rows(bundles[0], 1)[0]) for _ in range(4)]
    with asking_all(asking):
        time.sleep(1)
        killed = time.time()
        os.kill(before[0], signal.SIGKILL)
        eventually(lambda: len(server.workers()) == 2 and before[0] not in server.workers(), 10)
        time.sleep(0.5)
    answers = [answer for thread in asking for answer in thread.answers]
    assert sum(thread.broken for thread in asking) <= len(asking), "only what the killed one was answering"
    assert [status for asked, _, status, _, _ in answers if asked.timestamp() > killed + 0.1].count(200) > 50, "the other one goes on"
    time.sleep(0.3)
    journal = "".join(path.read_text() for path in project.settings.journal.glob("*.jsonl"))
    lost = [answered.timestamp() for _, answered, _, _, made in answers if made not in journal]
    assert all(killed - 0.25 < at <= killed + 0.05 for at in lost), "flush window of 0.05 s, with room for a busy machine"
    assert "ended with signal 9" in server.log.read_text()


def test_a_worker_ends_when_its_supervisor_is_killed(project: Project) -> None:
    import psutil

    project.promoted(project.trained())
    server = start(project)
    workers = [psutil.Process(pid) for pid in server.workers()]
    server.process.kill()
    server.process.wait()
    eventually(lambda: not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers), 15)


def test_a_shadow_is_scored_and_journaled_and_never_answers(project: Project) -> None:
    bundles = [project.trained(seed=seed) for seed in (1, 2)]
    project.promoted(bundles[0])
    project.challenged(bundles[1], strategy="shadow", share=0.0)
    server = start(project, journal_flush=0.05)
    rows = json_rows(bundles[0], 20, entity=True)
    expected = [bundle.predict_rows(rows).tolist() for bundle in bundles]
    with server.client(project.key("caller")) as client, server.client(project.key("caller", name="other")) as other:
        eventually(lambda: client.get("/models").status_code == other.get("/models").status_code == 200)
        answers = [
            # The last comes in lines, so that its text cannot stand in the journal as it is.
            asking.post("/models/m/predict", content=json.dumps({"data": [row]}, indent=1 if row is rows[-1] else None)).json()
            for row, asking in zip(rows, [client, other, other, client, other] * 4, strict=True)
        ]
        together = client.post("/models/m/predict", json={"data": rows}).json()
    assert [answer["predictions"][0] for answer in answers] == together["predictions"] == expected[0]
    assert {answer["version"] for answer in answers} == {1}
    assert server.stop() == 0
    lines = [json.loads(line) for path in project.settings.journal.glob("*.jsonl") for line in path.read_text().splitlines()]
    said: dict[str, dict[str, Any]] = {"champion": {}, "shadow": {}}
    for line in lines:
        if line[0] == "predictions":
            # Id: who asked, routing key, the row, the prediction.
            said[line[5]].update({made: (line[6], *one) for made, *one in zip(line[1], line[7], line[8], line[9], strict=True)})
    ids = [answer["prediction_ids"][0] for answer in answers]
    assert len(said["shadow"]) == len(said["champion"]) == 40
    assert [said["shadow"][made][3] for made in ids] == expected[1]
    assert [said["champion"][made][3] for made in ids] == expected[0]
    for variant in ("champion", "shadow"):
        assert [said[variant][made][:3] for made in ids] == [
            (name, str(row["person"]), row) for name, row in zip(["app", "other", "other", "app", "other"] * 4, rows, strict=True)
        ]


def test_versions_with_different_features_share_traffic_while_callers_give_both(project: Project) -> None:
    wide = project.trained(seed=1)
    narrow = project.trained(seed=2, features={name: TYPES[name] for name in ("age", "job")})
    project.promoted(wide)
    project.challenged(narrow, share=0.5)
    server = start(project)
    rows = json_rows(wide, 40, entity=True)
    with server.client(project.key("caller")) as client:
        eventually(lambda: client.get("/models").status_code == 200)
        answer = client.post("/models/m/predict", json={"data": rows}).json()
        alone = [client.post("/models/m/predict", json={"data": [row]}).json() for row in rows]
        routed = client.post("/models/m/predict", json={"data": rows}, headers={"X-Routing-Key": "everyone"}).json()
    assert set(answer["versions"]) == {1, 2}
    assert answer["version"] is None
    own = [{k: v for k, v in row.items() if k in ("age", "job")} for row in rows]
    for row, cut, version, prediction, one in zip(rows, own, answer["versions"], answer["predictions"], alone, strict=True):
        assert prediction == (wide.predict_rows([row]) if version == 1 else narrow.predict_rows([cut]))[0]
        assert (one["version"], one["predictions"]) == (version, [prediction]), "the same entity meets the same version"
    assert routed["version"] in (1, 2)
    assert server.stop() == 0
