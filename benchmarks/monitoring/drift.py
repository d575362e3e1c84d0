"""Drift of a wide table: this project's statistics and decision beside Evidently's own report on the same rows.

Each side runs in a process of its own, which reads the same files, so that time and peak memory (resident, with all imports) are its
own; CPU seconds are given too, for a machine that does other things beside. Reading the files is not timed on any side.

* `evidently`: its report with KS, Wasserstein, PSI and Jensen-Shannon for every column.
* `exact`: the same four numbers from the same rows, column after column; they must be equal to :data:`EQUAL`.
* `asset`: what `drift@d` does: the whole window against the sketch that a bundle's reference holds, with false-discovery control and
  a decision. Its distances must be equal to :data:`CLOSE`; probabilities of a distance that differs in the fourth digit are not compared.

Exits with 1 where numbers differ, or speed or memory miss what is aimed at.

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
DISTANCES = ("wasserstein", "psi", "jensenshannon")
SIDES = ("evidently", "exact", "asset")
EQUAL, CLOSE = 1e-6, 2e-3
FASTER, SMALLER = 25, 4


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--side", choices=SIDES)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(globals()[given.side](given.folder)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), given.rows, given.columns)
        found = {}
        for side in SIDES:
            command = [sys.executable, __file__, "--side", side, "--folder", folder]
            found[side] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    sys.exit(report(found, given.rows, given.columns))


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


def exact(folder: Path) -> dict[str, Any]:
    """Column after column, both samples as they are."""
    import pyarrow.parquet as pq
    from scipy.stats import kstwo  # noqa: F401  (every side has imported what it uses before the clock starts)

    from mlops_assets.monitoring import statistics
    from mlops_assets.monitoring.parallel import each
    from mlops_assets.monitoring.sketch import sketch_column

    names = pq.read_schema(folder / "window.parquet").names
    seconds, cpu, result = 0.0, 0.0, {}
    for name in names:
        rows = [pq.read_table(folder / f"{file}.parquet", columns=[name]).column(0) for file in ("reference", "window")]
        start, start_cpu = time.perf_counter(), time.process_time()
        old, new = each(lambda column: sketch_column("x", "float64", column, exact=True), rows, numbers=sum(map(len, rows)))
        assert old.numbers is not None
        assert new.numbers is not None
        shares = statistics.shares(old, new)
        result[name] = {
            "ks": statistics.ks_probability(statistics.ks(old.numbers, new.numbers), old.numbers.n, new.numbers.n),
            "wasserstein": statistics.wasserstein(old.numbers, new.numbers),
            "psi": statistics.psi(*shares),
            "jensenshannon": statistics.jensen_shannon(*shares),
        }
        seconds, cpu = seconds + time.perf_counter() - start, cpu + time.process_time() - start_cpu
        del rows, old, new
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "statistics": result}


def asset(folder: Path) -> dict[str, Any]:
    """The window against a stored reference, decided."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from scipy.stats import kstwo  # noqa: F401

    from mlops_assets.monitoring.drift import measure_drift
    from mlops_assets.monitoring.reference import Reference
    from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column
    from mlops_assets.spec.monitor import DriftRule

    sketches, rows = [], 0
    for name in pq.read_schema(folder / "window.parquet").names:
        column = pq.read_table(folder / "reference.parquet", columns=[name]).column(0)
        sketches.append(ColumnSketch.from_json(sketch_column(name, "float64", column).to_json()))
        rows = len(column)
    label = sketch_column("target", "category", pa.array([True, False]))
    reference = Reference("m", "b" * 64, "binary_classification", (False, True), rows, rows, (), tuple(sketches), (), label)
    window = pa.table({sketch.name: pq.read_table(folder / "window.parquet", columns=[sketch.name]).column(0) for sketch in sketches})
    pa.default_memory_pool().release_unused()
    start, cpu = time.perf_counter(), time.process_time()
    drift = measure_drift(reference, window, DriftRule())
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    found = {column.name: dict(column.statistics or {}) for column in drift.columns}
    result = {name: {**body, "jensenshannon": body["jensen_shannon"]} for name, body in found.items()}
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "statistics": result}


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


def report(found: dict[str, Any], rows: int, columns: int) -> int:
    """Print the table and what was asserted; the exit code."""
    base, missed = found["evidently"], []
    print(f"drift of {rows:,} rows x {columns} columns, reference of the same size; {', '.join(METHODS)} each")
    print(f"{'':26}{'seconds':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}{'peak MB':>9}{'ratio':>7}{'largest difference':>20}")
    titles = {"evidently": "Evidently's report", "exact": "exact, both samples", "asset": "drift@d, against a sketch"}
    for side, title in titles.items():
        body, compared = found[side], DISTANCES if side == "asset" else METHODS
        worst = max(abs(body["statistics"][c][m] - base["statistics"][c][m]) for c in base["statistics"] for m in compared)
        times, cpu, memory = (base[part] / body[part] for part in ("seconds", "cpu", "peak"))
        numbers = f"{body['seconds']:9.2f}{times:7.1f}x{body['cpu']:9.2f}{cpu:7.1f}x{body['peak'] / 2**20:9.0f}{memory:6.1f}x"
        print(f"{title:26}{numbers}{worst:20.2g}")
        if side != "evidently":
            limit = CLOSE if side == "asset" else EQUAL
            told = {
                f"{', '.join(compared)} equal to {limit:g}": worst <= limit,
                f"{FASTER} times faster": times >= FASTER,
                f"a {SMALLER}th of the memory": memory >= SMALLER,
            }
            missed += [f"{title}: not {what}" for what, holds in told.items() if not holds]
    print("\n".join(missed) or f"numbers equal, at least {FASTER} times faster, at most a {SMALLER}th of the memory")
    return 1 if missed else 0


if __name__ == "__main__":
    main()
