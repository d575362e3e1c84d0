"""Peak memory of a feature backfill: bounded by the DuckDB limit that is configured, not by the data.

    python benchmarks/memory/feature_backfill.py [--rows 5000000 50000000] [--limits 1GB 2GB] [--as-of 30]

Orders of 500,000 customers over 120 days, 90 days of lookback, ``--as-of`` daily partitions of features. Each case is a
process of its own; what it needs without any row (interpreter and imports) is measured too and shown.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DAYS, LOOKBACK, CUSTOMERS = 120, 90, 500_000
START = datetime(2025, 1, 1, tzinfo=UTC)


def declared() -> tuple[Any, Any, Any]:
    """Catalogue, data set and feature view."""
    from mlops_assets.spec import Dataset, FeatureView
    from mlops_assets.spec.catalogue import Catalogue

    orders = Dataset.model_validate(
        {
            "name": "orders",
            "source": {"parquet": "orders/*.parquet"},
            "partitions": {"every": "day", "start": date(2025, 1, 1)},
            "event_time": "ordered_at",
        }
    )
    sql = "select customer_id, count(*) as frequency, sum(amount) as monetary, max(ordered_at) as last from orders group by customer_id"
    view = FeatureView.model_validate({"name": "rfm", "entity": "customer_id", "from": ["orders"], "lookback": f"{LOOKBACK}d", "sql": sql})
    return Catalogue.of(orders, view), orders, view


def fill(folder: Path, rows: int) -> None:
    """Store ``rows`` orders."""
    import numpy as np
    import pyarrow as pa

    from mlops_assets.data.store import open_store

    store, random, per_day = open_store(str(folder)), np.random.default_rng(7), rows // DAYS
    for day in range(DAYS):
        moment = START + timedelta(days=day)
        times = np.sort(int(moment.timestamp()) * 1_000_000 + random.integers(0, 86_400_000_000, per_day))
        table = pa.table(
            {
                "customer_id": random.integers(1, CUSTOMERS + 1, per_day),
                "ordered_at": pa.array(times, pa.timestamp("us", "UTC")),
                "amount": np.round(random.gamma(2.0, 20.0, per_day), 2),
            }
        )
        store.write("orders", f"{moment:%Y-%m-%d}", table)


def compute(folder: Path, limit: str, as_of: int) -> None:
    """Compute the newest ``as_of`` partitions and print peak memory in MiB, before and after, and seconds."""
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.store import open_store

    catalogue, _, view = declared()
    store = open_store(str(folder))
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    keys = [(START + timedelta(days=DAYS - 1 - back)).date().isoformat() for back in range(as_of)][::-1]
    began = time.perf_counter()
    for _ in compute_features(view, catalogue, keys, store, memory_limit=limit, folder=str(folder)):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"idle_mib": idle, "peak_mib": peak, "seconds": time.perf_counter() - began}))


def main() -> None:
    """Measure and print, as text and as one JSON line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000_000, 50_000_000])
    parser.add_argument("--limits", nargs="+", default=["1GB", "2GB"])
    parser.add_argument("--as-of", type=int, default=30)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        compute(options.folder, options.limits[0], options.as_of)
        return
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as temporary:
            fill(Path(temporary), rows)
            for limit in options.limits:
                own = [sys.executable, __file__, "--folder", temporary, "--limits", limit, "--as-of", str(options.as_of)]
                done = subprocess.run(own, stdout=subprocess.PIPE, text=True, check=False)
                if done.returncode:
                    print(f"{rows:>12,} rows, limit {limit}: did not fit")
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"{rows:>12,} rows, limit {limit}: peak {found['peak_mib']:,.0f} MiB "
                    f"({found['idle_mib']:,.0f} before any row), {options.as_of} partitions in {found['seconds']:.1f} s"
                )
                print(json.dumps({"rows": rows, "limit": limit, **found}))


if __name__ == "__main__":
    main()
