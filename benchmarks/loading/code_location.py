"""Loading the code location of a project with 3 and with 100 models, against `import dagster` alone.

    python benchmarks/loading/code_location.py [--models 3 100] [--repeat 3]

Each time is the least of ``--repeat`` fresh processes, interpreter start included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = """type: mlops_assets.Model
attributes:
  name: model_{number}
  task: binary_classification
  entity: customer_id
  features: [view_{number}.*]
  label: {{horizon: 30d, sql: "select customer_id, false as churned from orders group by customer_id", default: true}}
  training: {{every: 7d, window: 180d, holdout: 30d}}
---
type: mlops_assets.FeatureView
attributes:
  name: view_{number}
  entity: customer_id
  from: [orders]
  lookback: 90d
  sql: select customer_id, count(*) as frequency from orders group by customer_id
"""
ORDERS = """type: mlops_assets.Dataset
attributes:
  name: orders
  source: {simulator: {table: orders, customers: 100}}
  partitions: {every: day, start: 2025-01-01}
  event_time: ordered_at
"""


def project(folder: Path, models: int) -> None:
    """A project of so many models, a folder each."""
    from mlops_assets.cli.init import create_project

    create_project(folder)
    (folder / "definitions" / "diabetes" / "defs.yaml").write_text(ORDERS, encoding="utf-8")
    for number in range(models):
        home = folder / "definitions" / f"model_{number}"
        home.mkdir()
        (home / "defs.yaml").write_text(MODEL.format(number=number), encoding="utf-8")


def seconds(code: str, folder: Path, repeat: int) -> float:
    """Least seconds of fresh processes that run ``code``."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        environment = {**os.environ, "DAGSTER_HOME": str(folder)}
        subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure and print, as text and as one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, nargs="+", default=[3, 100])
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    load = "from mlops_assets.definitions import defs; defs.resolve_all_job_defs()"
    with tempfile.TemporaryDirectory() as temporary:
        alone = seconds("import dagster", Path(temporary), options.repeat)
        found = {}
        for models in options.models:
            folder = Path(temporary) / f"m{models}"
            project(folder, models)
            found[models] = seconds(load, folder, options.repeat)
    print(f"import dagster alone        {alone:6.2f} s")
    for models, taken in found.items():
        print(f"location with {models:3d} models    {taken:6.2f} s   {taken / alone:.1f} times")
    print(json.dumps({"import_dagster": alone, **{f"models_{models}": taken for models, taken in found.items()}}))


if __name__ == "__main__":
    main()
