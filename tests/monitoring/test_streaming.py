"""Performance over files equals performance over rows in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET
from mlops_assets.monitoring.outcomes import Coverage
from mlops_assets.monitoring.performance import measure_performance
from mlops_assets.monitoring.reference import Reference
from mlops_assets.monitoring.sketch import sketch_column
from mlops_assets.monitoring.streaming import measure_performance_files
from mlops_assets.spec.monitor import PerformanceRule
from tests.monitoring.cases import UTC_TIME, day

N = 9_000
CLASSES = {"binary_classification": (False, True), "multiclass_classification": ("a", "b", "c"), "regression": ()}
METRICS = {"binary_classification": "roc_auc", "multiclass_classification": "accuracy", "regression": "rmse"}
EXACT = {"roc_auc": 2e-4, "pr_auc": 2e-3}


def reference_of(task: str, entity: tuple[str, ...] = ()) -> Reference:
    metrics = {METRICS[task]: {"value": 0.75, "interval": [0.74, 0.76], "n": 5_000}}
    label = sketch_column(TARGET, "category", pa.array(["a", "b"]))
    return Reference("m", "b" * 64, task, CLASSES[task], N, N, entity, (), (), label, metrics=metrics)


def outcomes(task: str) -> pa.Table:
    random = np.random.default_rng(1)
    if task == "binary_classification":
        score = random.beta(2, 3, N)
        target, shown = pa.array(random.random(N) < score), pa.array(score)
    elif task == "regression":
        target = pa.array(random.normal(10, 3, N))
        shown = pa.array(target.to_numpy() + random.normal(size=N))
    else:
        score = random.dirichlet([2, 1, 1], N)
        target, shown = (
            pa.array(np.array(["a", "b", "c"])[(random.gumbel(size=(N, 3)) + np.log(score)).argmax(axis=1)]),
            pa.array(score.tolist()),
        )
    at = pa.array([day(1)] * N, UTC_TIME)
    ids = [f"p{place}" for place in range(N)]
    customers = np.repeat(np.arange(N // 10), 10)
    return pa.table({PREDICTION_ID: ids, "customer": customers, PREDICTED_AT: at, SCORE: shown, TARGET: target, KNOWN_AT: at})


@pytest.mark.parametrize("task", list(CLASSES))
def test_files_give_what_memory_gives(task: str, tmp_path: Path) -> None:
    table, coverage = outcomes(task), Coverage(predictions=N, matured=N, labelled=N)
    files = [tmp_path / f"{part}.parquet" for part in range(3)]
    for part, file in enumerate(files):
        pq.write_table(table.slice(part * 3_000, 3_000), file)
    rule = PerformanceRule()
    whole = measure_performance(reference_of(task), table, coverage, rule, metric=METRICS[task])
    streamed = measure_performance_files(reference_of(task), files, coverage, rule, metric=METRICS[task])
    assert streamed.n == whole.n == N
    assert streamed.base_rate == pytest.approx(whole.base_rate)
    for name, found in streamed.metrics.items():
        other = whole.metrics[name]
        assert found["value"] == pytest.approx(other["value"], abs=EXACT.get(name, 1e-9))
        low, high = other["interval"]
        assert found["interval"][1] - found["interval"][0] == pytest.approx(high - low, rel=0.35)
    assert streamed.status == whole.status


def test_rows_of_one_entity_widen_the_interval(tmp_path: Path) -> None:
    table, file = outcomes("binary_classification"), tmp_path / "all.parquet"
    first = table.take(np.repeat(np.arange(0, N, 10), 10))
    again = first.set_column(0, PREDICTION_ID, table.column(PREDICTION_ID))
    pq.write_table(again, file)
    coverage, widths, worth = Coverage(predictions=N, matured=N, labelled=N), [], []
    for entity in ((), ("customer",)):
        reference = reference_of("binary_classification", entity)
        found = measure_performance_files(reference, [file], coverage, PerformanceRule(), metric="roc_auc")
        assert found.low is not None
        assert found.high is not None
        widths.append(found.high - found.low)
        worth.append(found.n_effective)
    assert worth[0] == N
    assert worth[1] == pytest.approx(N / 10, rel=0.4)
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(10), rel=0.3)


def test_no_labels_are_inconclusive(tmp_path: Path) -> None:
    file = tmp_path / "none.parquet"
    pq.write_table(outcomes("binary_classification").slice(0, 0), file)
    found = measure_performance_files(
        reference_of("binary_classification"), [file], Coverage(predictions=5, matured=5), PerformanceRule(), metric="roc_auc"
    )
    assert (found.status, found.value) == ("inconclusive", None)
