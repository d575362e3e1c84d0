"""Weeks of the loop under the code of Dagster's own scheduler, automation and sensor daemons, on a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mlops_assets.running.simulation import simulate
from tests.copies import copy_project


def test_weeks_go_by_and_everything_follows_by_itself(template: Path, tmp_path: Path) -> None:
    project = copy_project(template, tmp_path / "shop")
    with simulate(project, datetime(2026, 1, 26, 0, 20, tzinfo=UTC)) as simulation:
        simulation.settle(simulation.clock.now())
        store, ledger = simulation.workspace.store, simulation.workspace.ledger
        assert ledger.state("churn").champion == 1, "the candidate was promoted by the sensor"
        for day in (2, 9, 16):
            simulation.settle(datetime(2026, 2, day, 0, 20, tzinfo=UTC))
        assert simulation.failures() == []
        for key in ("2026-01-26", "2026-02-02", "2026-02-09"):
            for asset in (
                "orders",
                "habits",
                "churn/scores",
                "churn/predictions",
                "churn/data_quality",
                "churn/drift",
                "churn/performance",
            ):
                assert store.current(asset, key) is not None, f"{asset}@{key}"
        assert store.partitions("churn/outcomes")[-1] == "2026-01-26", "labels of later weeks are not final"
        assert store.current("churn/performance", "2026-02-09").facts["coverage"]["coverage"] == 1.0
        decided = [event.kind for event in ledger.events("churn") if event.kind.startswith("retraining_")]
        assert len(decided) >= 3
        assert "age: learned up to" in simulation.ticks("churn_retraining")[0]
        runs = simulation.runs
        simulation.settle(datetime(2026, 2, 17, tzinfo=UTC))
        assert simulation.runs == runs, "nothing is made twice"
