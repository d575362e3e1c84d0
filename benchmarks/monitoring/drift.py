"""Drift of a wide table: this project's statistics and decision beside Evidently's own report on the same rows.

Each side runs in a process of its own, which reads the same files, so that time and peak memory are its own; CPU seconds are given
too, for a machine that does other things beside. Reading the files is not timed on either side. Both give KS, Wasserstein, PSI and
Jensen-Shannon for every column; the statistics are compared.

    python benchmarks/monitoring/drift.py [--rows 1000000] [--columns 30]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

METHODS = ("ks", "wasserstein", "psi", "jensenshannon")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--side", choices=["ours", "ours_sketch", "evidently"])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(globals()[given.side](given.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), given.rows, given.columns)
        found = {}
        for side in ("ours", "ours_sketch", "evidently"):
            command = [sys.executable, __file__, "--side", side, "--folder", folder]
            found[side] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    report(found, given.rows, given.columns)


def make(folder: Path, rows: int, columns: int) -> None:
    """Reference and window: half of the columns normal, half lognormal, every third one moved a little."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    for seed, name in enumerate(("reference", "window")):
        random = np.random.default_rng(seed)
        table = {}
        for place in range(columns):
            values = random.normal(0.05 * seed if place % 3 == 0 else 0, 1, rows)
            table[f"x{place}"] = np.exp(values) if place % 2 else values
        pq.write_table(pa.table(table), folder / f"{name}.parquet", row_group_size=100_000)


def ours(folder: Path, sketched: bool = False) -> dict[str, Any]:
    """Column after column; the reference as it is, or as the sketch that a bundle's reference holds."""
    import pyarrow.parquet as pq

    from mlops_assets.monitoring import statistics
    from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column

    names = pq.read_schema(folder / "window.parquet").names
    stored = {}
    if sketched:
        for name in names:
            stored[name] = sketch_column(name, "float64", pq.read_table(folder / "reference.parquet", columns=[name]).column(0)).to_json()
    from scipy.stats import kstwo  # noqa: F401  (both sides have imported what they use before the clock starts)

    seconds, cpu, result = 0.0, 0.0, {}
    for name in names:
        rows = [pq.read_table(folder / f"{file}.parquet", columns=[name]).column(0) for file in ("reference", "window")[sketched:]]
        start, start_cpu = time.perf_counter(), time.process_time()
        old = ColumnSketch.from_json(stored[name]) if sketched else sketch_column(name, "float64", rows[0], exact=True)
        new = sketch_column(name, "float64", rows[-1], exact=True)
        assert old.numbers is not None
        assert new.numbers is not None
        ks = statistics.ks(old.numbers, new.numbers)
        shares = statistics.shares(old, new)
        result[name] = {
            "ks": statistics.ks_probability(ks, old.numbers.n, new.numbers.n),
            "wasserstein": statistics.wasserstein(old.numbers, new.numbers),
            "psi": statistics.psi(*shares),
            "jensenshannon": statistics.jensen_shannon(*shares),
        }
        seconds, cpu = seconds + time.perf_counter() - start, cpu + time.process_time() - start_cpu
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "statistics": result}


def ours_sketch(folder: Path) -> dict[str, Any]:
    return ours(folder, sketched=True)


def evidently(folder: Path) -> dict[str, Any]:
    """Evidently's report with each method for every column."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    old, new = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "window"))
    definition = DataDefinition(numerical_columns=list(old.columns))
    datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (new, old)]
    start, cpu = time.perf_counter(), time.process_time()
    metrics = [ValueDrift(column=name, method=method) for name in old.columns for method in METHODS]
    snapshot = Report(metrics).run(*datasets)
    values = [float(metric["value"]) for metric in snapshot.dict()["metrics"]]
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    pairs = [(name, method) for name in old.columns for method in METHODS]
    result: dict[str, dict[str, float]] = {}
    for (name, method), value in zip(pairs, values, strict=True):
        result.setdefault(name, {})[method] = value
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "statistics": result}


def peak() -> int:
    """Peak resident memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def report(found: dict[str, Any], rows: int, columns: int) -> None:
    base = found["evidently"]
    print(f"drift of {rows:,} rows x {columns} columns, reference of the same size; {', '.join(METHODS)} each")
    print(f"{'':22}{'seconds':>9}{'CPU s':>9}{'CPU ratio':>11}{'peak MB':>9}{'ratio':>7}{'largest difference':>20}")
    for side, title in (("evidently", "Evidently's report"), ("ours", "directly"), ("ours_sketch", "against the sketch")):
        body = found[side]
        worst = max(abs(body["statistics"][c][m] - base["statistics"][c][m]) for c in base["statistics"] for m in METHODS)
        times, memory = base["cpu"] / body["cpu"], base["peak"] / body["peak"]
        numbers = f"{body['seconds']:9.2f}{body['cpu']:9.2f}{times:10.1f}x{body['peak'] / 2**20:9.0f}{memory:6.1f}x"
        print(f"{title:22}{numbers}{worst:20.2g}")


if __name__ == "__main__":
    main()
