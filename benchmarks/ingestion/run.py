"""Ingestion of a large CSV and of large Parquet against the plain reads of DuckDB and Arrow, side by side.

    python benchmarks/ingestion/run.py [--csv-bytes 2000000000] [--parquet-rows 50000000] [--days 365] [--before TREE]

The CSV is one unpartitioned table (integers, numbers, categories, dates, text, some empty); the Parquet files hold ordered events of
``--days`` days, stored as one partition a day. Each contender runs in a process of its own, one after another: ours reads, types, checks
and stores with versions; DuckDB and Arrow read everything once and write nothing. ``--before`` is another checkout of this repository,
whose ingestion runs beside this one's on the same files. Printed: seconds, peak memory, and the ratios. The same at a quarter of the
size shows how memory grows with the file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

START = datetime(2025, 1, 1, tzinfo=UTC)
ROW_BYTES = 96
COLUMNS = ("id", "customer", "amount", "discount", "channel", "day", "at", "note", "active")


def make_csv(file: Path, size: int) -> None:
    """About ``size`` bytes of mixed columns."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    random, block = np.random.default_rng(7), 100_000
    with csv.CSVWriter(str(file), _csv_schema()) as writer:
        for start in range(0, size // ROW_BYTES, block):
            moments = START.timestamp() * 1e6 + random.integers(0, 86_400_000_000 * 300, block)
            amount = np.round(random.gamma(2.0, 20.0, block), 2)
            table = pa.table(
                {
                    "id": np.arange(start, start + block),
                    "customer": random.integers(1, 900_000, block),
                    "amount": amount,
                    "discount": pa.array(np.round(random.random(block), 3), mask=random.random(block) < 0.2),
                    "channel": pa.array(np.array(["web", "store", "app"])[random.integers(0, 3, block)]),
                    "day": pa.array(random.integers(19_000, 20_000, block).astype("int32"), pa.date32()),
                    "at": pa.array(moments.astype("int64"), pa.timestamp("us")).cast(pa.timestamp("s"), safe=False),
                    "note": pa.array(np.array(["", "gift", "express, please", "left at the door"])[random.integers(0, 4, block)]),
                    "active": pa.array(random.random(block) < 0.5),
                },
                schema=_csv_schema(),
            )
            writer.write_table(table)


def _csv_schema() -> object:
    import pyarrow as pa

    kinds = (pa.int64(), pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.date32(), pa.timestamp("s"), pa.string(), pa.bool_())
    return pa.schema(list(zip(COLUMNS, kinds, strict=True)))


def make_parquet(folder: Path, rows: int, days: int) -> None:
    """Ten files of events in order of time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir()
    random, files = np.random.default_rng(7), 10
    per_file, length = rows // files, days * 86_400_000_000 // files
    for number in range(files):
        begin = int(START.timestamp()) * 1_000_000 + number * length
        table = pa.table(
            {
                "order_id": np.arange(number * per_file, (number + 1) * per_file),
                "customer_id": random.integers(1, 900_000, per_file),
                "ordered_at": pa.array(np.sort(begin + random.integers(0, length, per_file)), pa.timestamp("us", "UTC")),
                "amount": np.round(random.gamma(2.0, 20.0, per_file), 2),
                "channel": pa.array(np.array(["web", "store", "app"])[random.integers(0, 3, per_file)]),
            }
        )
        pq.write_table(table, folder / f"{number}.parquet")


OURS = """
import sys, time
from pathlib import Path
from datetime import datetime, UTC
sys.path.insert(0, sys.argv[1])
from mlops_assets.data.ingest import ingest
from mlops_assets.data.sources import SourceContext
from mlops_assets.data.store import open_store
from mlops_assets.spec import Dataset
what, folder, days = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
store = open_store(str(folder / "store"))
context = SourceContext(folder, folder, folder / "cache")
if what == "csv":
    columns = {"id": {"type": "int64", "unique": True}, "amount": {"type": "float64", "ge": 0}}
    dataset, keys = Dataset(name="rows", source={"csv": "rows.csv"}, columns=columns), None
else:
    columns = {"order_id": {"type": "int64"}, "amount": {"type": "float64", "ge": 0}}
    dataset = Dataset(name="rows", source={"parquet": "events/*.parquet"}, partitions={"every": "day", "start": "2025-01-01"},
                      event_time="ordered_at", primary_key=["order_id"], columns=columns)
    calendar = dataset.calendar
    keys = calendar.between(calendar.first_key, calendar.shift(calendar.first_key, days - 1))
print(sum(item.rows for item in ingest(dataset, keys, store, context)))
"""
DUCKDB = """
import sys, duckdb
from pathlib import Path
what, folder = sys.argv[2], sys.argv[3]
duckdb.sql("set enable_progress_bar = false")
source = f"read_csv('{folder}/rows.csv')" if what == "csv" else f"read_parquet('{folder}/events/*.parquet')"
names = [row[0] for row in duckdb.sql(f"describe select * from {source}").fetchall()]
columns = ", ".join(f"max(columns('{name}'))" for name in names)
print(duckdb.sql(f"select count(*), {columns} from {source}").fetchall()[0][0])
"""
ARROW = """
import sys
import pyarrow.dataset as ds
what, folder = sys.argv[2], sys.argv[3]
source = ds.dataset(f"{folder}/rows.csv", format="csv") if what == "csv" else ds.dataset(f"{folder}/events")
print(sum(batch.num_rows for batch in source.to_batches()))
"""


def measured(code: str, tree: Path, what: str, folder: Path, days: int) -> tuple[float, int, str]:
    """Seconds, peak MiB and what was printed, of a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tree), what, str(folder), str(days)], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{what} failed with status {status}")
    return time.perf_counter() - started, usage.ru_maxrss // 1024, said.strip()


def main() -> None:
    """Make the files, run everyone in turn, print the table and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--csv-bytes", type=int, default=2_000_000_000)
    parser.add_argument("--parquet-rows", type=int, default=50_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    parser.add_argument("--folder", type=Path, help="where the files are made; default: a temporary folder")
    arguments = parser.parse_args()
    here = Path(__file__).resolve().parents[2]
    trees = {"this": here} | ({"before": arguments.before.resolve()} if arguments.before else {})
    results: dict[str, dict[str, tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        for share in (4, 1):
            folder = Path(temporary) / f"of_{share}"
            folder.mkdir()
            make_csv(folder / "rows.csv", arguments.csv_bytes // share)
            make_parquet(folder / "events", arguments.parquet_rows // share, arguments.days)
            for what in ("csv", "parquet"):
                contenders = [*((name, OURS, tree) for name, tree in trees.items()), ("duckdb", DUCKDB, here), ("arrow", ARROW, here)]
                for name, code, tree in contenders:
                    subprocess.run(["rm", "-rf", str(folder / "store"), str(folder / "cache")], check=True)
                    seconds, peak, rows = measured(code, tree, what, folder, arguments.days)
                    results.setdefault(f"{what} 1/{share}", {})[name] = (seconds, peak)
                    print(f"{what} 1/{share}  {name:8} {seconds:8.1f} s  {peak:7,} MiB  {rows} rows", flush=True)
    for what, found in results.items():
        ours = found["this"]
        ratios = {name: round(ours[0] / seconds, 2) for name, (seconds, _) in found.items() if name != "this"}
        print(json.dumps({"what": what, "seconds_of_this_per_other": ratios}))
    for what in ("csv", "parquet"):
        small, large = results[f"{what} 1/4"]["this"][1], results[f"{what} 1/1"]["this"][1]
        print(json.dumps({"what": what, "peak_mib": {"quarter": small, "whole": large}, "ratio": round(large / small, 2)}))


if __name__ == "__main__":
    main()
