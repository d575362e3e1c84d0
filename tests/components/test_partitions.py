"""Single partitions, ranges and unpartitioned assets through the job that the UI uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.data.store import verify
from tests.components.project import KEY, Shop, make_project

TABLE = """
type: mlops_assets.Dataset
attributes:
  name: flowers
  source: {sklearn: iris}
---
type: mlops_assets.Model
attributes:
  name: species
  task: multiclass_classification
  examples: {from: flowers, target: target}
  training: {holdout: 30%, estimator: {lightgbm: {num_boost_round: 5}}}
"""


def test_a_range_is_one_run_with_a_version_for_each_partition(data: Shop) -> None:
    versions = {day: data.version("orders", day) for day in ("2026-01-01", "2026-01-08", "2026-01-14")}
    stored = {day: data.workspace.store.current("orders", day).digest for day in versions}
    assert versions == stored
    assert len(set(versions.values())) == 3
    shown = data.materialization("orders", "2026-01-08")
    assert shown is not None
    assert shown.metadata["dagster/row_count"].value == data.workspace.store.current("orders", "2026-01-08").rows
    assert "amount" in {column.name for column in shown.metadata["dagster/column_schema"].value.columns}
    assert shown.tags is not None
    assert shown.tags["dagster/code_version"] == data.workspace.plan.asset("orders").code_version
    assert data.instance.get_runs_count() == 1


def test_the_same_partition_again_has_the_same_version(data: Shop) -> None:
    before = data.version("orders", "2026-01-03")
    assert data.run("orders", first="2026-01-03").success
    shown = data.materialization("orders", "2026-01-03")
    assert data.version("orders", "2026-01-03") == before
    assert shown is not None
    assert shown.metadata["changed"].value is False


def test_features_over_a_range_read_their_window_through_the_store(data: Shop) -> None:
    result = data.run("spend", first="2026-01-07", last="2026-01-14")
    assert result.success
    manifest = data.workspace.store.current("spend", "2026-01-12")
    assert sorted(manifest.inputs) == [f"orders@2026-01-{day:02}" for day in range(6, 13)]
    assert data.version("spend", "2026-01-12") == manifest.digest


def test_a_data_set_and_what_follows_it_run_together_over_a_range(data: Shop) -> None:
    assert data.run("orders", "spend", first="2026-01-08", last="2026-01-15").success
    assert data.version("spend", "2026-01-15") == data.workspace.store.current("spend", "2026-01-15").digest


def test_every_nth_partition_of_a_range_materializes_these_alone(data: Shop) -> None:
    step = data.runner.run(["spend"], "2026-01-07", "2026-01-13", 3, every=3)
    assert step.success
    assert data.instance.get_materialized_partitions(dg.AssetKey("spend")) == {"2026-01-07", "2026-01-10", "2026-01-13"}
    assert data.workspace.store.partitions("spend") == ["2026-01-07", "2026-01-10", "2026-01-13"]
    assert data.version("spend", "2026-01-10") is not None
    assert data.version("spend", "2026-01-09") is None


def test_unpartitioned_assets_go_from_data_to_a_verdict(tmp_path: Path) -> None:
    shop = Shop(make_project(tmp_path / "shop", TABLE))
    assert shop.run("flowers").success
    first = shop.version("flowers", None)
    shop.run("flowers", "species/training_set", "species/model", "species/evaluation", "species/candidate")
    assert shop.version("flowers", None) == first == shop.workspace.store.current("flowers").digest
    trained = shop.materialization("species/model", None)
    assert trained is not None
    assert shop.version("species/model", None) == trained.metadata["bundle"].value
    judged = shop.materialization("species/evaluation", None)
    assert judged is not None
    assert judged.metadata["verdict"].value in ("fail", "inconclusive")
    assert shop.materialization("species/candidate", None) is None


def test_only_what_a_model_reads_is_materialized(trained: Shop) -> None:
    store = trained.workspace.store
    every_other = [f"2026-01-{day:02}" for day in range(9, 32, 2)] + ["2026-02-02", "2026-02-04"]
    assert store.partitions("spend") == every_other
    orders = store.partitions("orders")
    assert (orders[0], orders[-1], len(orders)) == ("2026-01-03", KEY, 40)


def test_two_runs_of_one_partition_at_once_both_end_well(data: Shop) -> None:
    words = ["-m", "dagster", "asset", "materialize", "--select", "spend", "--partition", "2026-01-10", "-m", "mlops_assets.definitions"]
    environment = {**os.environ, "DAGSTER_HOME": str(data.folder / "dagster_home")}
    runs = [subprocess.Popen([sys.executable, *words], cwd=data.folder, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert verify(data.workspace.store) == []
    assert data.version("spend", "2026-01-10") == data.workspace.store.current("spend", "2026-01-10").digest


@pytest.mark.parametrize("asset", ["churn/training_set", "churn/model", "churn/evaluation", "churn/candidate"])
def test_an_asset_without_its_inputs_says_what_to_materialize(data: Shop, asset: str) -> None:
    from tests.components.project import failure_of

    result = data.run(asset, first=KEY)
    assert not result.success
    assert "aterialize" in failure_of(result)
