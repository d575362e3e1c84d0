"""Outcomes and performance of journaled predictions in bounded memory: a day a file, labels beside, joined day by day.

Each day of predictions is joined with its labels into a file, and performance is measured over all files. Beside it, for scale, the bare
join of the same files by one DuckDB query without any of the rules about late, double and conflicting labels.

    python benchmarks/monitoring/outcomes.py [--rows 100000000] [--days 100] [--memory 1GB]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
HORIZON = timedelta(days=7)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--folder", type=Path, help="with the data, made there if absent; default: a temporary one")
    parser.add_argument("--side", choices=["ours", "bare"])
    given = parser.parse_args()
    if given.side:
        print(json.dumps(globals()[given.side](given.folder, given.days, given.memory)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for day in range(given.days):
            make(folder, day, given.rows // given.days)
        options = ["--folder", str(folder), "--days", str(given.days), "--memory", given.memory]
        for side in ("bare", "ours"):
            command = [sys.executable, __file__, "--side", side, *options]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            report(side, found, given.rows // given.days * given.days, given.memory)


def make(folder: Path, day: int, rows: int) -> None:
    """One day: labels for nine of ten predictions, one in a hundred of them twice, one in a thousand corrected."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET, VERSION

    if (folder / f"labels{day:03}.parquet").exists():
        return
    random, moment = np.random.default_rng(day), pa.timestamp("us", "UTC")
    at = int((START + timedelta(days=day)).timestamp() * 1e6) + np.sort(random.integers(0, 86_400_000_000, rows))
    ids = pa.array([f"{a:012x}{b:020x}" for a, b in zip(at // 1000, random.integers(0, 2**62, rows), strict=True)])
    score = random.beta(2, 5, rows)
    table = pa.table(
        {
            PREDICTION_ID: ids,
            PREDICTED_AT: pa.array(at, moment),
            VERSION: np.full(rows, 3),
            "customer_id": random.integers(0, 5_000_000, rows),
            SCORE: score,
        }
    )
    pq.write_table(table, folder / f"predictions{day:03}.parquet")
    target = random.random(rows) < score
    labelled = np.flatnonzero(random.random(rows) < 0.9)
    twice, corrected = labelled[::100], labelled[::1000]
    places = np.concatenate([labelled, twice, corrected])
    value = np.concatenate([target[labelled], target[twice], ~target[corrected]])
    later = np.concatenate([np.full(len(labelled), 5), np.full(len(twice), 6), np.full(len(corrected), 6)]) * 86_400_000_000
    known = pa.array(at[places] + later + np.arange(len(places)), moment)
    labels = pa.table({PREDICTION_ID: ids.take(pa.array(places)), TARGET: value, KNOWN_AT: known})
    pq.write_table(labels, folder / f"labels{day:03}.parquet")


def ours(folder: Path, days: int, memory: str) -> dict[str, Any]:
    import pyarrow as pa

    from mlops_assets.monitoring.columns import SCORE, TARGET
    from mlops_assets.monitoring.outcomes import Coverage, join_outcome_files
    from mlops_assets.monitoring.reference import Reference
    from mlops_assets.monitoring.sketch import sketch_column
    from mlops_assets.monitoring.streaming import measure_performance_files
    from mlops_assets.spec.monitor import PerformanceRule

    now, start, coverage, files = START + timedelta(days=days + 30), time.perf_counter(), Coverage(), []
    for day in range(days):
        files.append(folder / f"outcomes{day:03}.parquet")
        coverage += join_outcome_files(
            [folder / f"predictions{day:03}.parquet"],
            [folder / f"labels{day:03}.parquet"],
            files[-1],
            now=now,
            horizon=HORIZON,
            columns=["customer_id", SCORE],
            memory_limit=memory,
        )
    joined = time.perf_counter() - start
    label = sketch_column(TARGET, "category", pa.array([True, False]))
    metrics = {"roc_auc": {"value": 0.73, "interval": [0.729, 0.731]}}
    reference = Reference(
        "m", "b" * 64, "binary_classification", (False, True), 1, 1, ("customer_id",), (), (), label, metrics=metrics
    )  # fmt: skip
    found = measure_performance_files(reference, files, coverage, PerformanceRule(), metric="roc_auc", memory_limit=memory)
    return {
        "joined": joined,
        "measured": time.perf_counter() - start - joined,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "coverage": coverage.to_json(),
        "performance": [found.status, found.value, found.low, found.high, found.n],
    }


def bare(folder: Path, days: int, memory: str) -> dict[str, Any]:
    import duckdb

    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTION_ID, SCORE, TARGET

    start = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(f"set memory_limit = '{memory}'; set preserve_insertion_order = false; set temp_directory = '{folder}/spill'")
    for day in range(days):
        connection.execute(
            f"""
            copy (
                select p."{PREDICTION_ID}", "{SCORE}", "{TARGET}", "{KNOWN_AT}" from '{folder}/predictions{day:03}.parquet' p
                left join '{folder}/labels{day:03}.parquet' l using ("{PREDICTION_ID}")
            ) to '{folder}/bare.parquet' (format parquet, compression zstd)
            """
        )
    return {"joined": time.perf_counter() - start, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def report(side: str, found: dict[str, Any], rows: int, memory: str) -> None:
    title = {"bare": "bare join", "ours": "outcomes"}[side]
    print(f"{title:10} {rows:,} predictions: {found['joined']:8.1f} s, {rows / found['joined'] / 1e6:6.2f} M rows/s", end="")
    print(f", peak {found['peak'] / 2**20:,.0f} MB with {memory} for DuckDB")
    if side == "ours":
        print(f"{'metrics':10} {rows:,} predictions: {found['measured']:8.1f} s, {rows / found['measured'] / 1e6:6.2f} M rows/s")
        print(f"           {found['performance']}")
        print(f"           {found['coverage']}")


if __name__ == "__main__":
    main()
