"""The quick event log holds what Dagster's own would hold, and either can open the other's databases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from mlops_assets.instance.events import QuickEventLogStorage
from tests.components.project import Shop, make_project

ORDERS = dg.AssetKey("orders")


def plain_instance(folder: Path, home: Path) -> dg.DagsterInstance:
    """Dagster's own SQLite storage on the databases of ``home``."""
    folder.mkdir()
    (folder / "dagster.yaml").write_text(f"storage:\n  sqlite:\n    base_dir: {home}\n", encoding="utf-8")
    return dg.DagsterInstance.from_config(str(folder))


def test_the_instance_of_a_project_uses_it(data: Shop) -> None:
    assert isinstance(data.instance.event_log_storage, QuickEventLogStorage)


def test_dagsters_own_storage_reads_the_same_events(data: Shop, tmp_path: Path) -> None:
    run = data.instance.get_runs()[0]
    ours = [
        (entry.dagster_event_type, entry.dagster_event.partition) for entry in data.instance.all_logs(run.run_id) if entry.dagster_event
    ]
    latest = data.instance.get_latest_materialization_event(ORDERS)
    with plain_instance(tmp_path / "plain", data.folder / "dagster_home") as plain:
        theirs = [(entry.dagster_event_type, entry.dagster_event.partition) for entry in plain.all_logs(run.run_id) if entry.dagster_event]
        assert ours == theirs
        assert plain.get_materialized_partitions(ORDERS) == data.instance.get_materialized_partitions(ORDERS)
        assert len(plain.get_materialized_partitions(ORDERS)) == 14
        assert plain.get_latest_materialization_event(ORDERS) == latest


def test_what_dagsters_own_storage_writes_is_read(data: Shop, tmp_path: Path) -> None:
    with plain_instance(tmp_path / "plain", data.folder / "dagster_home") as plain:
        plain.report_runless_asset_event(dg.AssetMaterialization("orders", partition="2026-03-01"))
    assert "2026-03-01" in data.instance.get_materialized_partitions(ORDERS)


def test_a_deleted_run_is_gone_and_its_file_may_come_again(data: Shop) -> None:
    run = data.instance.get_runs()[0]
    data.instance.delete_run(run.run_id)
    assert list(data.instance.all_logs(run.run_id)) == []
    assert data.run("orders", first="2026-01-02").success


def test_a_forked_process_opens_connections_of_its_own(data: Shop) -> None:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            data.instance.report_runless_asset_event(dg.AssetMaterialization("orders", partition="2026-04-01"))
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert "2026-04-01" in data.instance.get_materialized_partitions(ORDERS)
    assert data.run("orders", first="2026-01-02").success


def test_processes_that_open_a_new_instance_at_once_make_one_together(tmp_path: Path) -> None:
    opening = (
        "import sys, pathlib; from mlops_assets.instance.opening import open_instance; from mlops_assets.settings import load_settings;"
        "open_instance(load_settings(pathlib.Path(sys.argv[1]))).dispose()"
    )
    command = [sys.executable, "-c", opening, str(make_project(tmp_path / "shop"))]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 4
