"""Scores, predictions, outcomes, data quality, drift and performance as assets of a real Dagster instance."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlops_assets.lifecycle.champions import bundle_of_version
from tests.monitoring_assets.conftest import FIRST, WEEKS, Loop, checks


def failure(result) -> str:
    return " ".join(
        str(event.step_failure_data.user_failure_data.description)
        for event in result.all_events
        if event.is_step_failure and event.step_failure_data.user_failure_data
    )


def test_without_a_champion_scoring_refuses_and_says_how_to_get_one(trained: Loop) -> None:
    result = trained.run("churn/scores", first=FIRST)
    assert not result.success
    assert "has no champion" in failure(result)
    assert "mlops promote churn" in failure(result)


def test_scores_are_those_of_the_bundle_bit_by_bit(watched: Loop) -> None:
    store, state = watched.workspace.store, watched.workspace.ledger.state("churn")
    scores = store.read(store.current("churn/scores", "2026-01-05"))
    bundle = bundle_of_version(watched.workspace, state.versions[1])
    features = store.read(store.current("habits", "2026-01-05")).sort_by("customer_id")
    assert scores.column("customer_id").to_pylist() == features.column("customer_id").to_pylist()
    again = bundle.predict(features.to_pandas())
    assert np.array_equal(scores.column("__score").to_numpy(), again)
    rows = bundle.json_rows(features.to_pandas().head(20))
    assert np.array_equal(bundle.predict_rows(rows), again[:20])
    assert scores.column("__as_of")[0].as_py().isoformat() == "2026-01-12T00:00:00+00:00"


def test_scoring_again_gives_the_same_bytes(watched: Loop) -> None:
    before = watched.workspace.store.current("churn/scores", WEEKS[-1]).digest
    assert watched.run("churn/scores", first=WEEKS[-1]).success
    assert watched.workspace.store.current("churn/scores", WEEKS[-1]).digest == before


def test_a_partition_from_before_the_champion_learned_is_not_scored(watched: Loop) -> None:
    result = watched.run("churn/scores", first="2025-12-08")
    assert not result.success
    assert "learned from what came after" in failure(result)


def test_predictions_hold_answers_of_the_server_beside_batch_scores(watched: Loop) -> None:
    from mlops_assets.serving.journal import Journal

    at = int(watched.moment.timestamp() * 1e6) - 3_600_000_000
    journal = Journal(watched.workspace.settings.journal)
    journal.describe("churn", 1, "binary_classification", [["recency_days", "int64"], ["frequency", "int64"]], ["customer_id"])
    for number in range(3):
        row = {"customer_id": number + 1, "recency_days": 3, "frequency": 2}
        line = ["prediction", f"{number:032x}", at + number, "churn", 1, "champion", "key:app", None, row, 0.25, 900, None]
        journal.add(journal.encode(line))
    journal.stop()
    result = watched.run("churn/predictions", first=WEEKS[-1])
    assert result.success
    store = watched.workspace.store
    manifest = store.current("churn/predictions", WEEKS[-1])
    scores = store.current("churn/scores", WEEKS[-1])
    assert manifest.facts["variants"] == {"batch": scores.rows, "champion": 3}
    assert manifest.rows == scores.rows + 3
    assert watched.run("churn/predictions", first=WEEKS[-1]).success
    assert store.current("churn/predictions", WEEKS[-1]).digest == manifest.digest, "nothing counts twice"
    assert watched.run("churn/drift", "churn/data_quality", first=WEEKS[-1]).success


def test_outcomes_are_labels_of_the_same_query_as_training(watched: Loop) -> None:
    store = watched.workspace.store
    outcomes = store.read(store.current("churn/outcomes", FIRST))
    bought = {
        customer
        for key in ("2025-12-29", "2026-01-05")
        for customer in store.read(store.current("orders", key)).column("customer_id").to_pylist()
    }
    churned = dict(zip(outcomes.column("customer_id").to_pylist(), outcomes.column("__target").to_pylist(), strict=True))
    assert churned == {customer: customer not in bought for customer in churned}
    assert watched.facts("outcomes", FIRST)["coverage"]["coverage"] == 1.0


def test_labels_that_are_not_final_do_not_count(watched: Loop) -> None:
    watched.to("2026-01-12")
    result = watched.run("churn/outcomes", first="2026-01-05")
    assert result.success
    assert checks(result)["outcomes.coverage"] == "inconclusive"
    found = watched.facts("outcomes", "2026-01-05")["coverage"]
    assert (found["labelled"], found["matured"]) == (0, 0)
    assert found["waiting"] > 100


def test_performance_is_measured_on_what_matured_and_estimated_on_what_did_not(watched: Loop) -> None:
    facts = watched.facts("performance", WEEKS[-1])
    store = watched.workspace.store
    assert facts["measured"]["n"] == store.current("churn/outcomes", "2026-01-05").rows
    assert facts["estimated"]["n"] == store.current("churn/predictions", WEEKS[-1]).rows
    assert facts["measured"]["gate"] == facts["estimated"]["gate"]
    assert facts["coverage"]["coverage"] == 1.0


def test_every_number_that_is_plotted_is_a_number(watched: Loop) -> None:
    result = watched.run("churn/drift", "churn/performance", first=WEEKS[-1])
    shown = {e.asset_key.path[-1]: e.materialization.metadata for e in result.get_asset_materialization_events()}
    for asset, names in {"drift": ("score_psi", "rows"), "performance": ("roc_auc", "roc_auc_at_gate", "coverage")}.items():
        for name in names:
            assert isinstance(shown[asset][name].value, int | float), name


def test_drift_is_told_to_the_ledger_once(watched: Loop) -> None:
    shift(watched, WEEKS[-1])
    assert watched.run("churn/drift", first=WEEKS[-1]).success
    told = watched.kinds().count("drift_found")
    assert told >= 1
    assert watched.run("churn/drift", first=WEEKS[-1]).success
    assert watched.kinds().count("drift_found") == told


@pytest.mark.parametrize("rows", [0, 1])
def test_an_empty_week_and_one_of_one_row_are_inconclusive(watched: Loop, rows: int) -> None:
    replace_predictions(watched, WEEKS[-1], lambda table: table.slice(0, rows))
    result = watched.run("churn/data_quality", "churn/drift", first=WEEKS[-1])
    found = checks(result)
    assert found["drift.columns"] == found["drift.score"] == "inconclusive"
    assert found["data_quality.inputs"] in ("inconclusive", "fail")
    assert watched.tick("churn_retraining").requests == ()


def test_a_column_that_vanished_and_one_that_is_all_missing_are_shown(watched: Loop) -> None:
    def break_columns(table: pa.Table) -> pa.Table:
        nothing = pa.nulls(table.num_rows, table.schema.field("monetary").type)
        table = table.set_column(table.column_names.index("monetary"), "monetary", nothing)
        return table.drop_columns(["frequency"])

    replace_predictions(watched, WEEKS[-1], break_columns)
    found = checks(watched.run("churn/data_quality", "churn/drift", first=WEEKS[-1]))
    assert found["data_quality.inputs"] == "fail"
    assert found["drift.columns"] != "pass"
    rows = watched.workspace.store.read(watched.workspace.store.current("churn/drift", WEEKS[-1])).to_pylist()
    conditions = {row["name"]: row["condition"] for row in rows}
    assert (conditions["frequency"], conditions["monetary"]) == ("vanished", "all_missing")
    assert watched.tick("churn_retraining").requests == (), "neither retrains by itself"


def test_labels_that_never_come_are_no_pass(watched: Loop) -> None:
    store = watched.workspace.store
    for key in (FIRST, "2025-12-29", "2026-01-05"):
        table = store.read(store.current("churn/outcomes", key))
        missing = table.set_column(table.column_names.index("__target"), "__target", pa.nulls(table.num_rows, pa.bool_()))
        facts = watched.facts("outcomes", key)
        store.write("churn/outcomes", key, missing, facts={**facts, "coverage": {**facts["coverage"], "labelled": 0, "coverage": 0.0}})
    result = watched.run("churn/performance", first=WEEKS[-1])
    assert checks(result)["performance.measured"] == "inconclusive"
    assert "inconclusive" in watched.tick("churn_retraining").said[0]


def test_a_range_of_weeks_is_watched_in_one_run_with_a_version_for_each(watched: Loop) -> None:
    started = time.monotonic()
    assert watched.run("churn/data_quality", "churn/drift", first=FIRST, last=WEEKS[-1]).success
    versions = {key: watched.workspace.store.current("churn/drift", key).digest for key in WEEKS}
    assert len(set(versions.values())) == len(WEEKS)
    assert time.monotonic() - started < 60


def replace_predictions(loop: Loop, key: str, change) -> None:
    store = loop.workspace.store
    manifest = store.current("churn/predictions", key)
    store.write("churn/predictions", key, change(store.read(manifest)), facts=dict(manifest.facts))


def shift(loop: Loop, key: str) -> None:
    """Move the score and a feature of one week far away."""

    def moved(table: pa.Table) -> pa.Table:
        score = pc.divide(pc.add(table.column("__score"), 3.0), 4.0)
        table = table.set_column(table.column_names.index("__score"), "__score", score)
        recency = pc.add(table.column("recency_days"), 40)
        return table.set_column(table.column_names.index("recency_days"), "recency_days", recency)

    replace_predictions(loop, key, moved)


UNDATED = """
---
type: mlops_assets.Dataset
attributes: {name: people, source: {csv: people.csv}, primary_key: [person]}
---
type: mlops_assets.Model
attributes:
  name: answers
  task: binary_classification
  examples: {from: people, target: says_yes}
  training: {estimator: {lightgbm: {num_leaves: 4, num_boost_round: 10, min_data_in_leaf: 10}}}
  gates:
    - {gate: leakage, off: true, reason: the test is not about it}
    - {gate: consistency, off: true, reason: the test is not about it}
    - {gate: calibration, off: true, reason: the test is not about it}
  score: {}
"""


def test_an_undated_model_is_scored_and_watched_as_of_now(redefine) -> None:
    loop = redefine(more=UNDATED)
    random = np.random.default_rng(7)
    age = random.integers(18, 90, 600)
    yes = age + random.normal(0, 15, 600) > 50
    lines = [f"{person},{a},{'true' if y else 'false'}" for person, (a, y) in enumerate(zip(age, yes, strict=True))]
    (loop.project / "people.csv").write_text("\n".join(["person,age,says_yes", *lines]))
    stages = [f"answers/{stage}" for stage in ("training_set", "model", "evaluation", "candidate")]
    assert loop.run("people", *stages).success
    assert loop.run("answers/champion").success
    result = loop.run(*(f"answers/{kind}" for kind in ("scores", "predictions", "data_quality", "drift")))
    assert result.success, failure(result)
    assert loop.workspace.store.current("answers/scores", None).rows == 600
    tick = loop.tick("labels_mature")
    assert [r.asset_selection[0].to_user_string() for r in tick.requests] == ["answers/outcomes"]
    assert all(result.success for result in loop.carry_out(tick))
    measured = loop.tick("labels_mature")
    assert [r.asset_selection[0].to_user_string() for r in measured.requests] == ["answers/performance"]
    assert all(result.success for result in loop.carry_out(measured))
    facts = loop.workspace.store.current("answers/performance", None).facts
    assert facts["measured"]["status"] == "inconclusive", "nobody sent what happened"
