"""A range backfill of a feature view against plain DuckDB and against one run per partition, side by side.

    python benchmarks/features/range_backfill.py [--rows 5000000] [--days 365] [--memory 4GB]

Orders of 50,000 customers over ``days`` + 90 days; 90 days of lookback; one as-of time a day. "Plain DuckDB" is a script with
the same query and no store: load the Parquet files once, loop over the days, write each result as Parquet. "One run per
partition" measures ten and extrapolates. All run on this machine, one after another, in one process each; peak memory
is the process's own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

LOOKBACK = 90
CUSTOMERS = 50_000
START = datetime(2025, 1, 1, tzinfo=UTC)
SQL = """
select customer_id,
       date_diff('day', max(ordered_at), $as_of) as recency_days,
       count(*) as frequency,
       sum(amount) as monetary
from orders group by customer_id
"""


def catalogue():
    from mlops_assets.spec import Dataset, FeatureView
    from mlops_assets.spec.catalogue import Catalogue

    orders = Dataset.model_validate(
        {
            "name": "orders",
            "source": {"parquet": "orders/*.parquet"},
            "partitions": {"every": "day", "start": date(2025, 1, 1)},
            "event_time": "ordered_at",
            "available_at": "loaded_at",
        }
    )
    view = FeatureView.model_validate({"name": "rfm", "entity": "customer_id", "from": ["orders"], "lookback": f"{LOOKBACK}d", "sql": SQL})
    return Catalogue.of(orders, view), orders.calendar, view


def generate(folder: Path, rows: int, days: int) -> None:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.store import open_store

    store, random = open_store(str(folder / "store")), np.random.default_rng(7)
    _, calendar, _ = catalogue()
    total = days + LOOKBACK
    moment = pa.timestamp("us", "UTC")
    for number in range(total):
        count = rows * (number + 1) // total - rows * number // total
        start = int((START + timedelta(days=number)).timestamp() * 1e6)
        ordered = np.sort(start + random.integers(0, 86_400_000_000, count))
        late = (random.random(count) < 0.02) * random.exponential(3 * 86_400_000_000, count)
        table = pa.table(
            {
                "order_id": pa.array(np.arange(count) + number * 10_000_000),
                "customer_id": pa.array(random.integers(0, CUSTOMERS, count)),
                "ordered_at": pa.array(ordered, pa.int64()).cast(moment),
                "loaded_at": pa.array(ordered + late.astype("int64"), pa.int64()).cast(moment),
                "amount": pa.array(random.gamma(2.0, 20.0, count)),
                "channel": pa.array(np.array(["web", "app", "store"])[random.integers(0, 3, count)]),
            }
        )
        store.write("orders", calendar.key_of(START + timedelta(days=number)), table)


def keys(days: int) -> list[str]:
    _, calendar, _ = catalogue()
    first = calendar.shift(calendar.first_key, LOOKBACK)
    return calendar.between(first, calendar.shift(first, days - 1))


def range_backfill(folder: Path, days: int, memory: str) -> int:
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.store import open_store

    declared, _, view = catalogue()
    return sum(
        result.manifest.rows
        for result in compute_features(view, declared, keys(days), open_store(str(folder / "store")), memory_limit=memory)
    )


def single_runs(folder: Path, days: int, memory: str) -> int:
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.store import open_store

    declared, _, view = catalogue()
    store = open_store(str(folder / "store"))
    chosen = keys(days)[:: max(1, days // 10)][:10]
    return sum(result.manifest.rows for key in chosen for result in compute_features(view, declared, [key], store, memory_limit=memory))


def plain_duckdb(folder: Path, days: int, memory: str, threads: int) -> int:
    import duckdb

    _, calendar, _ = catalogue()
    out = folder / f"plain{threads}"
    out.mkdir(exist_ok=True)
    connection = duckdb.connect(config={"threads": str(threads), "memory_limit": memory})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(
        "create table all_orders as select customer_id, ordered_at, loaded_at, amount from "
        f"read_parquet('{folder}/store/data/orders/*/*.parquet', hive_partitioning = false) order by ordered_at"
    )
    count = 0
    for key in keys(days):
        end, start = calendar.end_of(key), calendar.start_of(calendar.shift(key, 1 - LOOKBACK))
        as_of, since = f"timestamptz '{end.isoformat()}'", f"timestamptz '{start.isoformat()}'"
        source = f"(select * from all_orders where ordered_at >= {since} and ordered_at < {as_of} and loaded_at < {as_of})"
        query = SQL.replace("from orders", f"from {source}").replace("$as_of", as_of)
        row = connection.execute(
            f"copy ({query} order by customer_id) to '{out}/{key}.parquet' (format parquet, compression zstd)"
        ).fetchone()
        count += row[0] if row else 0
    return count


CASES = {
    "ten single runs": single_runs,
    "range backfill": range_backfill,
    "plain DuckDB, 1 thread": lambda folder, days, memory: plain_duckdb(folder, days, memory, 1),
    "plain DuckDB, 2 threads": lambda folder, days, memory: plain_duckdb(folder, days, memory, 2),
}


def measure(case: str, folder: Path, days: int, memory: str) -> dict[str, float]:
    """Run one case in a process of its own."""
    command = [sys.executable, __file__, "--case", case, "--folder", str(folder), "--days", str(days), "--memory", memory]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_case(case: str, folder: Path, days: int, memory: str) -> None:
    import resource

    import duckdb  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    rows = CASES[case](folder, days, memory)
    used = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "rows": rows}
    print(json.dumps({**used, "mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--case", choices=list(CASES))
    options = parser.parse_args()
    if options.case:
        run_case(options.case, options.folder, options.days, options.memory)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        generate(folder, options.rows, options.days)
        found = {case: measure(case, folder, options.days, options.memory) for case in CASES}
    print(f"{options.rows:,} orders, {options.days} as-of days, lookback {LOOKBACK} days, memory limit {options.memory}")
    for case, result in found.items():
        used = f"{result['seconds']:8.1f} s  cpu {result['cpu']:8.1f} s  +{result['mb']:6.0f} MB"
        print(f"  {case:26} {used}  {result['rows']:,.0f} feature rows")
    ours = found["range backfill"]["cpu"]
    single = found["ten single runs"]["cpu"] * options.days / min(10, options.days)
    print(f"  range backfill : plain DuckDB (1 thread, CPU time) = {ours / found['plain DuckDB, 1 thread']['cpu']:.2f}")
    print(f"  range backfill : plain DuckDB (2 threads, CPU time) = {ours / found['plain DuckDB, 2 threads']['cpu']:.2f}")
    print(f"  one run per partition (extrapolated from ten) : range backfill (CPU time) = {single / ours:.1f}")


if __name__ == "__main__":
    main()
