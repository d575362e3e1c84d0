from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg

from mlops_assets.running.processes import PROCESS_TAG, Process, end_killed

HOLD = """
import sys, time
from pathlib import Path
from mlops_assets.running.processes import Process
process = Process(Path(sys.argv[1]))
print(process.name, flush=True)
time.sleep(600)
"""


def start(instance: dg.DagsterInstance, name: str | None) -> str:
    run = dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: name} if name else {})
    instance.add_run(run)
    return run.run_id


def test_runs_of_a_killed_process_end_as_failed_and_others_stay(tmp_path: Path) -> None:
    folder = tmp_path / "processes"
    with dg.DagsterInstance.ephemeral() as instance:
        other = subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        theirs = start(instance, other.stdout.readline().strip())
        mine = Process(folder)
        ours, someone = start(instance, mine.name), start(instance, None)
        assert end_killed(instance, folder) == []
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert end_killed(instance, folder) == [theirs]
        assert [file.stem for file in folder.iterdir()] == [mine.name]
        assert end_killed(instance, folder) == []
        statuses = {run_id: instance.get_run_by_id(run_id).status for run_id in (theirs, ours, someone)}
        assert statuses == {
            theirs: dg.DagsterRunStatus.FAILURE,
            ours: dg.DagsterRunStatus.STARTED,
            someone: dg.DagsterRunStatus.STARTED,
        }
        mine.end()
        assert list(folder.iterdir()) == []


def test_the_place_in_a_pool_that_a_killed_process_held_is_given_back(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        storage = instance.event_log_storage
        storage.set_concurrency_slots("training", 1)
        other = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "processes")], stdout=subprocess.PIPE, text=True)
        assert other.stdout is not None
        theirs, next_one = start(instance, other.stdout.readline().strip()), start(instance, None)
        assert storage.claim_concurrency_slot("training", theirs, "churn__model").is_claimed
        assert not storage.claim_concurrency_slot("training", next_one, "churn__model").is_claimed
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        assert end_killed(instance, tmp_path / "processes") == [theirs]
        assert storage.claim_concurrency_slot("training", next_one, "churn__model").is_claimed
