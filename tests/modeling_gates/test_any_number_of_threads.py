"""The same bundle on the same rows is judged the same, bit by bit, on any number of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from mlops_assets.data.training_sets.training_set import TrainingSet
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.gates import GateContext, judge_all
from mlops_assets.modeling.verdict import Verdict
from mlops_assets.spec.model import Model

from .cases import model_of, trained, training_set

REPOSITORY = Path(__file__).resolve().parents[2]
LINEAR = "sklearn.linear_model.LogisticRegression"
TASKS = ("binary_classification", "multiclass_classification", "regression")
MAIN = {"binary_classification": "roc_auc", "multiclass_classification": "log_loss", "regression": "rmse"}
CASES = [(task, kind) for task in TASKS for kind in ("lightgbm", "sklearn") if (task, kind) != ("regression", "sklearn")]
FEATURES = [f"x{place}" for place in range(12)]


def world(task: str, n: int = 3_600) -> TrainingSet:
    """Two rows of an entity each, twelve numbers, and what comes of them."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.normal(size=(n, len(FEATURES))), columns=FEATURES)
    signal = frame.to_numpy()[:, :4].sum(axis=1) / 2
    if task == "binary_classification":
        frame["y"] = random.random(n) < 1 / (1 + np.exp(-signal))
    elif task == "multiclass_classification":
        noise = random.gumbel(size=(n, 3))
        frame["y"] = np.array(["a", "b", "c"])[(np.column_stack([signal, -signal, np.zeros(n)]) + noise).argmax(axis=1)]
    else:
        frame["y"] = signal + random.normal(size=n)
    frame["id"], frame["region"] = np.arange(n) // 2, np.resize(["n", "s"], n)
    return training_set(frame, holdout=np.arange(n) >= 1_800, features=dict.fromkeys(FEATURES, "float64"), entity=("id",))


def declared(task: str, kind: str) -> Model:
    gates = [
        {"metric": MAIN[task], "slice": "region", "at_most": 9},
        {"metric": MAIN[task], "versus": "naive"},
        {"robustness": "noise", "scale": 0.1, "max_drop": 0.2},
    ]
    lightgbm = {"lightgbm": {"num_boost_round": 30, "num_leaves": 7}}
    return model_of(task, gates, estimator=lightgbm if kind == "lightgbm" else {"sklearn": [{"name": LINEAR, "params": {"C": 0.1}}]})


def verdict(folder: Path, task: str, kind: str) -> str:
    """The evaluation and the verdict as text, of a bundle that lies in ``folder`` beside a champion."""
    model, rows = declared(task, kind), world(task)
    bundle, champion = (Bundle.load(folder / name) for name in ("mine", "other"))
    context = GateContext(model, bundle, rows, None, champion, Path(), 7)
    measured = context.measured.to_json()
    digests = {"bundle": bundle.digest, "trees": bundle.trees_digest, "data": rows.manifest.digest, "spec": "s"}
    found = Verdict.of(model="m", as_of=None, gates=judge_all(context), digests=digests, environment="test", champion=champion.digest)
    return json.dumps([measured, found.to_json()], sort_keys=True)


def elsewhere(threads: int, folder: Path, task: str, kind: str) -> Any:
    """The same in a process that is allowed so many threads."""
    several = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), str(threads))
    code = f"from tests.modeling_gates.{Path(__file__).stem} import *; import sys; print(verdict(Path(sys.argv[1]), *sys.argv[2:]))"
    command = [sys.executable, "-c", code, str(folder), task, kind]
    environment = {**os.environ, **several, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()[-1]


@pytest.mark.parametrize(("task", "kind"), CASES)
def test_a_verdict_is_the_same_bytes_on_one_thread_and_on_several(task: str, kind: str, tmp_path: Path) -> None:
    model, rows = declared(task, kind), world(task)
    trained(model, rows, tmp_path / "mine")
    trained(model, half(rows), tmp_path / "other")
    one, four = (elsewhere(threads, tmp_path, task, kind) for threads in (1, 4))
    assert one == four
    statuses = {gate["name"]: gate["status"] for gate in json.loads(one)[1]["gates"]}
    assert statuses["leakage"] == statuses["consistency"] == "pass"


def test_models_that_gates_train_are_trained_on_one_thread(tmp_path: Path) -> None:
    task, kind = "binary_classification", "sklearn"
    model, rows = declared(task, kind), world(task)
    bundle, seen = trained(model, rows, tmp_path / "mine"), []

    def retrain(shuffled: TrainingSet, folder: Path) -> Bundle:
        seen.append(threads_allowed())
        return trained(model, shuffled, folder)

    before = threads_allowed()
    judge_all(GateContext(model, bundle, rows, None, None, Path(), 7, retrain=retrain))
    assert set(seen) == {1}
    assert threads_allowed() == before


def threads_allowed() -> int:
    """The most threads that a library for matrices may use now."""
    return max(int(found["num_threads"]) for found in threadpool_info() if found["user_api"] == "blas")


def half(rows: TrainingSet) -> TrainingSet:
    """The training rows' first half is forgotten."""
    return TrainingSet(rows.manifest, rows.table.slice(900), rows.facts)
