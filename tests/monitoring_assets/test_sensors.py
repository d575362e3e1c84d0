"""The sensors that close the loop, on real records: killed in the middle, twice at once, after days off, and held back by people."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops_assets.components.sensors import retraining
from mlops_assets.components.tags import RETRAINING_TAG
from mlops_assets.ledger.actions import promote
from mlops_assets.spec.rollout import Rollout
from tests.monitoring_assets.conftest import WEEKS, Loop
from tests.monitoring_assets.test_watching import shift

Redefine = Callable[..., Loop]


def spoil(loop: Loop) -> None:
    """Let measured performance of the two newest weeks fall far below the gate, as monitoring would have stored it."""
    store = loop.workspace.store
    for key in WEEKS[-2:]:
        manifest = store.current("churn/performance", key)
        facts = json.loads(json.dumps(dict(manifest.facts)))
        facts["measured"] |= {"value": 0.5, "low": 0.48, "high": 0.52, "n": 5000, "covered": True, "status": "fail"}
        store.write("churn/performance", key, store.read(manifest), inputs=dict(manifest.inputs), facts=facts)


def requests_of(loop: Loop) -> list[dict]:
    return [dict(event.body) for event in loop.workspace.ledger.events("churn", kinds=["retraining_requested"])]


def test_labels_that_became_final_are_asked_for_and_then_measured(watched: Loop) -> None:
    assert watched.tick("labels_mature").requests == ()
    watched.to("2026-02-02")
    assert watched.run("orders", first="2026-01-26").success
    tick = watched.tick("labels_mature")
    assert [(r.asset_selection[0].path[-1], r.partition_key) for r in tick.requests] == [("outcomes", "2026-01-12")]
    assert all(result.success for result in watched.carry_out(tick))
    assert watched.facts("outcomes", "2026-01-12")["coverage"]["coverage"] == 1.0
    assert watched.tick("labels_mature").requests == ()


def test_a_corrected_label_versions_its_outcomes_and_is_measured_again(watched: Loop) -> None:
    store = watched.workspace.store
    before = store.current("churn/outcomes", "2026-01-05").digest
    orders = store.current("orders", "2026-01-19")
    store.write("orders", "2026-01-19", store.read(orders).slice(0, 40))
    tick = watched.tick("labels_mature")
    assert [r.partition_key for r in tick.requests] == ["2026-01-05"]
    assert all(result.success for result in watched.carry_out(tick))
    assert store.current("churn/outcomes", "2026-01-05").digest != before
    again = watched.tick("labels_mature")
    assert [(r.asset_selection[0].path[-1], r.partition_key) for r in again.requests] == [("performance", WEEKS[-1])]


def test_a_no_is_recorded_once_for_its_window(watched: Loop) -> None:
    said = [watched.tick("churn_retraining").said[0] for _ in range(3)]
    assert len(set(said)) == 1
    assert watched.kinds().count("retraining_declined") == 1
    assert "age: learned up to" in said[0]


def test_a_yes_is_claimed_in_the_ledger_and_asks_for_one_training(watched: Loop) -> None:
    spoil(watched)
    tick = watched.tick("churn_retraining")
    (body,) = requests_of(watched)
    assert body["trigger"] == "performance"
    assert body["numbers"]["as_of"] == WEEKS[-1]
    assert [key.path[-1] for key in tick.requests[-1].asset_selection] == ["training_set", "model", "evaluation", "candidate"]
    assert tick.requests[-1].partition_key == WEEKS[-1]
    assert tick.requests[-1].tags[RETRAINING_TAG] == body["key"]
    assert "yes: performance" in tick.said[0]


def test_a_tick_that_was_killed_after_the_claim_is_made_up_by_the_next(watched: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(watched)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    going = retraining._go_on
    calls = iter([going, die])
    with monkeypatch.context() as patch:
        patch.setattr(retraining, "_go_on", lambda *given: next(calls)(*given))
        with pytest.raises(KeyboardInterrupt):
            watched.tick("churn_retraining")
    assert len(requests_of(watched)) == 1
    tick = watched.tick("churn_retraining")
    assert len(requests_of(watched)) == 1
    assert [request.run_key for request in tick.requests] == [f"{requests_of(watched)[0]['key']}/train"]


def test_two_ticks_at_once_claim_one_request_and_one_run(watched: Loop) -> None:
    spoil(watched)
    ticks: list = []
    threads = [threading.Thread(target=lambda: ticks.append(watched.tick("churn_retraining"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(requests_of(watched)) == 1
    assert len({request.run_key for tick in ticks for request in tick.requests}) == 1


def test_after_days_off_the_newest_window_is_decided_on_and_nothing_is_asked_twice(watched: Loop) -> None:
    spoil(watched)
    watched.to("2026-01-29")
    assert watched.tick("churn_retraining").requests
    watched.to("2026-02-01")
    again = watched.tick("churn_retraining")
    assert len(requests_of(watched)) == 1
    assert [request.run_key for request in again.requests] == [f"{requests_of(watched)[0]['key']}/train"]


def test_a_retraining_under_way_is_alone_and_its_end_starts_the_cooldown(watched: Loop) -> None:
    spoil(watched)
    tick = watched.tick("churn_retraining")
    results = watched.carry_out(tick)
    assert results[-1].success, "the retrained model takes the same road as any other"
    watched.moment = watched.moment.replace(day=27)
    after = watched.tick("churn_retraining")
    assert after.requests == ()
    assert "asked for already" in after.said[0] or "cooldown" in after.said[0]


def test_a_candidate_becomes_champion_by_itself_where_nobody_must_approve(trained: Loop) -> None:
    tick = trained.tick("churn_promotion")
    assert [key.to_user_string() for key in tick.requests[0].asset_selection] == ["churn/champion"]
    assert trained.carry_out(tick)[0].success
    assert trained.workspace.ledger.state("churn").champion == 1
    assert trained.tick("churn_promotion").requests == ()


def test_a_candidate_waits_for_people_where_they_must_approve(trained: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(trained.workspace.settings, "approvals", 2)
    tick = trained.tick("churn_promotion")
    assert tick.requests == ()
    assert "2 approvals" in tick.said[0]


def test_a_silent_model_is_proposed_for_retirement_and_only_proposed(watched: Loop) -> None:
    assert "retirement is proposed after" in watched.tick("churn_retirement").said[0]
    watched.to("2026-03-02")
    watched.tick("churn_retirement")
    watched.tick("churn_retirement")
    assert watched.kinds().count("incident_opened") == 1
    assert watched.workspace.ledger.state("churn").champion == 1


@pytest.fixture
def endpoint() -> object:
    """A local HTTP endpoint that keeps what it is told."""
    told: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.told = told  # type: ignore[attr-defined]
    yield server
    server.shutdown()


def test_an_alert_opens_an_incident_tells_people_once_and_closes_it(redefine: Redefine, endpoint: HTTPServer) -> None:
    alert = "{metric: roc_auc, below: 0.6, severity: critical, notify: [hook, dead], do: incident}"
    loop = redefine(alerts=alert)
    channels = {"hook": (f"json://127.0.0.1:{endpoint.server_port}",), "dead": ("json://127.0.0.1:9",)}
    object.__setattr__(loop.workspace.settings, "channels", channels)
    assert "inactive" in loop.tick("churn_alerts").said[0]
    spoil_metric(loop, 0.5)
    said = loop.tick("churn_alerts").said[0]
    assert "firing" in said
    assert "dead was not told" in said
    loop.tick("churn_alerts")
    assert len(endpoint.told) == 1
    assert "mlops rollback churn" in endpoint.told[0]
    assert loop.kinds().count("incident_opened") == 1
    spoil_metric(loop, 0.8)
    loop.to("2026-01-27")
    assert "resolved" in loop.tick("churn_alerts").said[0]
    assert loop.kinds().count("incident_closed") == 1


def test_an_alert_that_asks_for_retraining_asks_the_policy_and_does_not_go_around_it(redefine: Redefine) -> None:
    loop = redefine(alerts="{metric: score_psi, above: 0.1, do: retrain}")
    shift(loop, WEEKS[-1])
    assert loop.run("churn/drift", first=WEEKS[-1]).success
    assert "the retraining policy is asked" in loop.tick("churn_alerts").said[0]
    tick = loop.tick("churn_retraining")
    assert tick.requests == (), "two of three windows are needed"
    assert "alert" in tick.said[0]


def test_a_rollback_needs_its_minimum_of_samples(redefine: Redefine) -> None:
    loop = redefine(alerts="{metric: roc_auc, below: 0.6, min_samples: 100000, severity: critical, do: rollback}")
    spoil_metric(loop, 0.5)
    assert "inconclusive" in loop.tick("churn_alerts").said[0]
    assert "rolled_back" not in loop.kinds()


def test_age_alone_retrains_a_model_that_nothing_else_ails(redefine: Redefine) -> None:
    loop = redefine(age="4w")
    tick = loop.tick("churn_retraining")
    assert requests_of(loop)[0]["trigger"] == "age"
    assert tick.requests


def test_a_former_champion_of_another_version_is_not_held_against_the_new_one(watched: Loop) -> None:
    spoil(watched)
    assert watched.carry_out(watched.tick("churn_retraining"))[-1].success
    catalogue = watched.workspace.catalogue
    with_canary = catalogue.models["churn"].model_copy(update={"rollout": Rollout(strategy="canary", steps=(0.05,))})
    vars(watched.workspace)["catalogue"] = replace(catalogue, models={**catalogue.models, "churn": with_canary})
    offered = watched.tick("churn_promotion")
    assert [key.to_user_string() for key in offered.requests[0].asset_selection] == ["churn/challenger"], (
        "a canary begins beside a champion"
    )
    promote(watched.workspace.ledger, "churn", None, "os:test", needed=0)
    watched.to("2026-02-23")
    tick = watched.tick("churn_retraining")
    assert tick.requests == ()
    assert "no window yet" in tick.said[0]


def spoil_metric(loop: Loop, value: float) -> None:
    """Store a measurement of the newest week as it would be with that value."""
    import pyarrow as pa

    store, key = loop.workspace.store, WEEKS[-1]
    manifest = store.current("churn/performance", key)
    facts = json.loads(json.dumps(dict(manifest.facts)))
    facts["measured"] |= {"value": value, "low": value - 0.02, "high": value + 0.02, "n": 5000, "covered": True}
    rows = [
        {**row, "value": value, "low": value - 0.02, "high": value + 0.02, "n": 5000} if row["metric"] == "roc_auc" else row
        for row in store.read(manifest).to_pylist()
    ]
    store.write("churn/performance", key, pa.Table.from_pylist(rows, store.read(manifest).schema), facts=facts)
