"""A range backfill through Dagster against one run per partition and against one plain DuckDB pass, side by side.

    python benchmarks/backfill/range_in_dagster.py [--rows 5000000] [--days 365] [--single 10]

Orders of 50,000 customers in one Parquet file a day. The range: one Dagster run for the data set, one for the feature view
(90 days of lookback). "One run per partition" makes ``--single`` partitions of each and extrapolates to ``--days``, and
says so: each run in a process of its own, as Dagster's launcher starts them, and all in this process, which is the least that
a run can cost. "Plain DuckDB" reads the same files once and writes one file a day, then loops over the days with the same query;
no checks, no versions, no records. All on this machine, one after another; peak memory is this process's own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOOKBACK, CUSTOMERS = 90, 50_000
START = datetime(2025, 1, 1, tzinfo=UTC)
SQL = """select customer_id, date_diff('day', max(ordered_at), $as_of) as recency_days, count(*) as frequency,
           sum(amount) as monetary
    from orders group by customer_id"""
DEFINITIONS = f"""type: mlops_assets.Dataset
attributes:
  name: orders
  source: {{parquet: "data/*.parquet"}}
  partitions: {{every: day, start: {START:%Y-%m-%d}}}
  event_time: ordered_at
  primary_key: order_id
  columns:
    order_id: {{type: int64}}
    customer_id: {{type: int64, ge: 1}}
    ordered_at: {{type: datetime}}
    amount: {{type: float64, ge: 0}}
---
type: mlops_assets.FeatureView
attributes:
  name: customer_rfm
  entity: customer_id
  from: orders
  lookback: {LOOKBACK}d
  sql: |
    {SQL}
"""


def make(folder: Path, rows: int, days: int) -> None:
    """A project with its source files."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from mlops_assets.cli.init import create_project

    create_project(folder)
    (folder / "definitions" / "diabetes" / "defs.yaml").write_text(DEFINITIONS, encoding="utf-8")
    (folder / "data").mkdir()
    random, per_day = np.random.default_rng(7), rows // days
    for day in range(days):
        begin = int((START + timedelta(days=day)).timestamp()) * 1_000_000
        moments = np.sort(begin + random.integers(0, 86_400_000_000, per_day))
        table = pa.table(
            {
                "order_id": np.arange(day * per_day, (day + 1) * per_day),
                "customer_id": random.integers(1, CUSTOMERS + 1, per_day),
                "ordered_at": pa.array(moments, pa.timestamp("us", "UTC")),
                "amount": np.round(random.gamma(2.0, 20.0, per_day), 2),
            }
        )
        pq.write_table(table, folder / "data" / f"{START + timedelta(days=day):%Y-%m-%d}.parquet")


def through_dagster(folder: Path, days: int, single: int) -> dict[str, float]:
    """Seconds of the range, and of ``single`` runs of one partition each, of both assets."""
    from mlops_assets.components.location import build_definitions
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.running.runner import Runner

    runner = Runner(open_workspace(folder), build_definitions(open_workspace(folder)))
    first, last = START.date().isoformat(), (START + timedelta(days=days - 1)).date().isoformat()
    runner._materialize(["orders"], first, first, 1)
    seconds = {}
    for asset in ("orders", "customer_rfm"):
        began = time.perf_counter()
        runner._materialize([asset], first, last, days)
        seconds[f"range {asset}"] = time.perf_counter() - began
    for asset in ("orders", "customer_rfm"):
        began = time.perf_counter()
        for back in range(single):
            key = (START + timedelta(days=days - 1 - back)).date().isoformat()
            runner._materialize([asset], key, key, 1)
        seconds[f"single {asset}"] = (time.perf_counter() - began) / single * days
    return seconds


def in_processes(folder: Path, days: int, single: int) -> float:
    """Seconds of ``days`` runs of each asset, a process each; extrapolated from ``single`` of them."""
    began = time.perf_counter()
    for asset in ("orders", "customer_rfm"):
        for back in range(single):
            key = (START + timedelta(days=days - 1 - back)).date().isoformat()
            command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", asset, "--partition", key]
            environment = {**os.environ, "DAGSTER_HOME": str(folder / "dagster_home")}
            subprocess.run([*command, "-m", "mlops_assets.definitions"], cwd=folder, env=environment, check=True, capture_output=True)
    return (time.perf_counter() - began) / single * days


def plain(folder: Path, days: int) -> float:
    """Seconds of the same rows and the same query in DuckDB alone."""
    import duckdb

    target = folder / "plain"
    target.mkdir()
    began = time.perf_counter()
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(f"create table orders as select * from read_parquet('{folder}/data/*.parquet') order by ordered_at")
    for day in range(days):
        start, end = START + timedelta(days=day), START + timedelta(days=day + 1)
        day_of = f"(select * from orders where ordered_at >= '{start}' and ordered_at < '{end}')"
        connection.execute(f"copy {day_of} to '{target}/o{day}.parquet' (format parquet)")
        bounds = f"(select * from orders where ordered_at >= '{end - timedelta(days=LOOKBACK)}' and ordered_at < '{end}')"
        query = SQL.replace("$as_of", f"timestamptz '{end}'").replace("from orders", f"from {bounds}")
        connection.execute(f"copy ({query}) to '{target}/f{day}.parquet' (format parquet)")
    return time.perf_counter() - began


def main() -> None:
    """Measure and print, as text and as one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--single", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        make(folder, options.rows, options.days)
        baseline = plain(folder, options.days)
        seconds = through_dagster(folder, options.days, options.single)
        seconds["processes"] = in_processes(folder, options.days, options.single)
    ranged = seconds["range orders"] + seconds["range customer_rfm"]
    singles = seconds["single orders"] + seconds["single customer_rfm"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{options.rows:,} rows, {options.days} daily partitions, {LOOKBACK} days of lookback")
    print(f"  plain DuckDB                      {baseline:8.1f} s")
    print(f"  range, one Dagster run an asset   {ranged:8.1f} s   {ranged / baseline:.1f} times plain DuckDB; peak memory {peak:.1f} GiB")
    print(f"      orders {seconds['range orders']:.1f} s, customer_rfm {seconds['range customer_rfm']:.1f} s")
    note = f"from {options.single} partitions of each, extrapolated"
    processes = seconds["processes"]
    print(f"  one Dagster run a partition       {processes:8.1f} s   {processes / ranged:.1f} times the range ({note})")
    print(f"      all in one process            {singles:8.1f} s   {singles / ranged:.1f} times the range ({note})")
    print(json.dumps({"rows": options.rows, "days": options.days, "plain": baseline, **seconds, "peak_gib": peak}))


if __name__ == "__main__":
    main()
