"""A process that is killed at any moment of a materialization leaves nothing half-written behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.data.store import verify
from tests.components.project import KEY, LATER, Shop

KILLS = int(os.environ.get("MLOPS_KILLS", "3"))
"""How often; ten take a minute."""

CODE = """
import sys
from pathlib import Path
from tests.components.project import Shop

shop = Shop(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
shop.runner.prepare("churn", {key!r})
shop.runner.materialize(["churn/training_set", "churn/model", "churn/evaluation", "churn/candidate"], {key!r})
"""


def test_a_run_that_is_killed_is_made_good_by_the_next_one(trained: Shop) -> None:
    store, chance = trained.workspace.store, random.Random(7)
    before = {key: store.current("orders", key).digest for key in store.partitions("orders")}
    killed = 0
    for attempt in range(KILLS):
        trained.change(json.dumps({f"2026-02-{day:02}": {"amount": 10.0 + attempt} for day in range(5, 19)}))
        process = subprocess.Popen(
            [sys.executable, "-c", CODE.format(key=LATER), str(trained.folder)],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"go\n")
        process.stdin.flush()
        time.sleep(chance.uniform(0.2, 4.0))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        assert verify(store) == []
        for key in store.partitions("orders"):
            store.read(store.current("orders", key))
    assert killed
    trained.reload()
    over = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)
    assert [run.status for run in trained.instance.get_runs() if run.status not in over] == []
    assert trained.workspace.registry.open_dagster_runs() == []
    trained.runner.prepare("churn", LATER)
    stages = ("training_set", "model", "evaluation", "candidate")
    assert trained.runner.materialize([f"churn/{stage}" for stage in stages], LATER).success
    assert verify(trained.workspace.store) == []
    assert trained.workspace.registry.open_dagster_runs() == []
    same = {key: digest for key, digest in before.items() if key < "2026-02-05"}
    assert {key: store.current("orders", key).digest for key in same} == same
    assert store.current("churn/training_set", KEY) is not None
    assert trained.registered()[0] == 1


@pytest.mark.parametrize("key", ["2026-01-05"])
def test_two_processes_on_one_partition_leave_one_whole_version(data: Shop, key: str) -> None:
    data.change(json.dumps({key: {"amount": 12.5}}))
    code = (
        "import sys; from pathlib import Path; from tests.components.project import Shop; "
        "sys.exit(not Shop(Path(sys.argv[1])).run('orders', first=sys.argv[2]).success)"
    )
    command = [sys.executable, "-c", code, str(data.folder), key]
    root = Path(__file__).resolve().parents[2]
    processes = [subprocess.Popen(command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert verify(data.workspace.store) == []
    assert set(data.workspace.store.read(data.workspace.store.current("orders", key)).column("amount").to_pylist()) == {12.5}
    assert data.version("orders", key) == data.workspace.store.current("orders", key).digest
