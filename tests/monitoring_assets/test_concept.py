"""Errors that rise along the stream of a version's outcomes, from partition to partition."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.monitoring.columns import SCORE, TARGET
from tests.monitoring_assets.conftest import WEEKS, Loop, checks
from tests.monitoring_assets.test_watching import replace_predictions


def spoil(table: pa.Table) -> pa.Table:
    """Scores that are sure of the opposite."""
    high = pc.greater(table.column(SCORE), pc.mean(table.column(SCORE)))
    return table.set_column(table.column_names.index(SCORE), SCORE, pc.if_else(high, 0.01, 0.99))


def test_steady_errors_pass_and_errors_that_rise_are_a_warning_with_numbers_that_plot(watched: Loop) -> None:
    before = watched.facts("performance", WEEKS[-1])["concept"]
    assert before["status"] == "pass"
    parts = [watched.facts("outcomes", key)["errors"]["1"]["rows"] for key in WEEKS[:3]]
    assert before["rows"] == sum(parts)
    replace_predictions(watched, WEEKS[2], spoil)
    assert watched.run("churn/outcomes", first=WEEKS[2]).success
    result = watched.run("churn/performance", first=WEEKS[-1])
    assert checks(result)["performance.concept"] == "fail"
    found = next(c for c in result.get_asset_check_evaluations() if c.check_name == "concept")
    assert found.severity.name == "WARN"
    after = watched.facts("performance", WEEKS[-1])["concept"]
    assert after["now"] > before["now"]
    assert any(change["at"] == WEEKS[2] for change in after["changes"])
    shown = {name: value.value for e in result.get_asset_materialization_events() for name, value in e.materialization.metadata.items()}
    assert shown["error"] == after["now"]
    assert shown["error_before"] == after["before"]


def test_the_same_outcomes_give_the_same_answer_in_whatever_order_partitions_are_measured(watched: Loop) -> None:
    first = watched.facts("performance", WEEKS[-1])["concept"]
    assert watched.run("churn/performance", first=WEEKS[-1]).success
    assert watched.run("churn/performance", first=WEEKS[2], last=WEEKS[-1]).success
    assert watched.facts("performance", WEEKS[-1])["concept"] == first


def test_a_stream_that_ends_is_no_pass(watched: Loop) -> None:
    asset = "churn/outcomes"
    manifest = watched.workspace.store.current(asset, WEEKS[2])
    assert manifest is not None
    rows = watched.workspace.store.read(manifest)
    none = rows.set_column(rows.column_names.index(TARGET), TARGET, pa.nulls(rows.num_rows, pa.bool_()))
    watched.workspace.store.write(asset, WEEKS[2], none, inputs=manifest.inputs, facts={**manifest.facts, "errors": {}})
    result = watched.run("churn/performance", first=WEEKS[-1])
    assert checks(result)["performance.concept"] == "inconclusive"
