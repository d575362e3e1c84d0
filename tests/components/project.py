"""A small project: weekly buyers and rare ones, so that who stays away can be learned within a second. Rows are made by day."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.components.location import build_definitions
from mlops_assets.components.tags import RANGE_END_TAG, RANGE_START_TAG
from mlops_assets.lifecycle.workspace import Workspace, open_workspace
from mlops_assets.running.runner import QUIET, Runner

REPOSITORY = Path(__file__).resolve().parents[2]
FIRST = "2026-01-01"
KEY, LATER = "2026-02-11", "2026-02-18"
"""As-of partitions with enough history."""

SOURCE = '''
"""Orders of a day, drawn from its date alone; `changes.json` beside this file alters days."""
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd


def orders(start, end):
    changes = Path(__file__).with_name("changes.json")
    changed = json.loads(changes.read_text()) if changes.exists() else {}
    frames, day = [], pd.Timestamp(start)
    while day < pd.Timestamp(end):
        draw = np.random.default_rng(int(day.timestamp()))
        customers = np.arange(1, 301)
        bought = draw.random(300) < np.where(customers % 3 == 0, 0.35, np.where(customers % 3 == 1, 0.12, 0.04))
        frame = pd.DataFrame({"customer_id": customers[bought]})
        frame["order_id"] = int(day.timestamp()) // 86400 * 1000 + frame["customer_id"]
        frame["ordered_at"] = day + pd.to_timedelta(frame["customer_id"], unit="min")
        frame["amount"] = np.round(draw.gamma(2.0, 20.0, len(frame)), 2)
        frame["channel"] = np.where(draw.random(len(frame)) < 0.5, "web", "app")
        change = changed.get(f"{day:%Y-%m-%d}", {})
        if "amount" in change:
            frame["amount"] = change["amount"]
        if change.get("drop"):
            frame = frame.iloc[: change["drop"]]
        if change.get("twice"):
            frame = pd.concat([frame, frame.head(change["twice"])])
        if "raise" in change:
            raise RuntimeError(change["raise"])
        frames.append(frame)
        day += timedelta(days=1)
    return pd.concat(frames)
'''

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: orders
  description: One row per order.
  owner: team:shop
  tags: {domain: sales}
  source: {python: .source:orders}
  partitions: {every: day, start: 2026-01-01}
  event_time: ordered_at
  primary_key: order_id
  min_rows: 5
  columns:
    order_id: {type: int64}
    customer_id: {type: int64}
    ordered_at: {type: datetime}
    amount: {type: float64, ge: 0}
    channel: {type: category, one_of: [web, app]}
---
type: mlops_assets.FeatureView
attributes:
  name: spend
  owner: team:shop
  entity: customer_id
  from: orders
  lookback: 7d
  recompute: 3d
  sql: |
    select customer_id, count(*) as orders, sum(amount) as total, date_diff('day', max(ordered_at), $as_of) as recency,
           avg(case when channel = 'app' then 1.0 else 0.0 end) as app_share
    from orders group by customer_id
---
type: mlops_assets.Model
attributes:
  name: churn
  description: Will this customer stay away for a week?
  owner: team:shop
  task: binary_classification
  entity: customer_id
  features: [spend.*]
  label:
    horizon: 7d
    sql: select customer_id, false as churned from orders group by customer_id
    default: true
  training:
    every: 2d
    window: 28d
    holdout: 10d
    estimator: {lightgbm: {num_leaves: 4, num_boost_round: 20, min_data_in_leaf: 30}}
  gates:
    - {metric: roc_auc, at_least: 0.55}
    - {gate: calibration, off: true, reason: a small example}
"""


def make_project(folder: Path, definitions: str = DEFINITIONS, **environment: Any) -> Path:
    """Write the project into ``folder``; ``environment`` are settings of `[tool.mlops]`."""
    home = folder / "definitions" / "shop"
    home.mkdir(parents=True)
    (home / "defs.yaml").write_text(definitions.strip() + "\n", encoding="utf-8")
    (home / "source.py").write_text(SOURCE, encoding="utf-8")
    for file in ("workspace.yaml", "dagster_home/dagster.yaml"):
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / file, folder / file)
    dg_settings = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.dg]")
    settings = "".join(f"{name} = {value!r}\n" for name, value in environment.items())
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "shop"\nversion = "0.1.0"\n\n{dg_settings[1]}{dg_settings[2]}\n[tool.mlops]\n{settings}', encoding="utf-8"
    )
    return folder


class Shop:
    """A project at work: a fresh workspace and the runner on it, as a new process would have them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.reload()

    def reload(self) -> None:
        """Read the definitions again, as a new process does."""
        open_workspace.cache_clear()
        self.workspace: Workspace = open_workspace(self.folder)
        self.runner = Runner(self.workspace, build_definitions(self.workspace), on_note=self.told.append)

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.runner.instance

    def edit(self, old: str, new: str) -> None:
        """Change the definitions and read them again."""
        file = self.folder / "definitions" / "shop" / "defs.yaml"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        self.reload()

    def change(self, text: str) -> None:
        """Alter days of the source, as JSON."""
        (self.folder / "definitions" / "shop" / "changes.json").write_text(text, encoding="utf-8")

    def definitions(self) -> dg.Definitions:
        return build_definitions(self.workspace)

    def run(self, *assets: str, first: str | None = None, last: str | None = None, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize ``assets`` by the job that the UI uses; does not raise."""
        tags = {RANGE_START_TAG: str(first), RANGE_END_TAG: last} if last is not None else {}
        return self.runner.job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
            partition_key=first if last is None else None,
            tags=tags,
            raise_on_error=False,
            **{"run_config": QUIET, **options},
        )

    def life(self, key: str, until: str = "candidate") -> dg.ExecuteInProcessResult:
        """Data to candidate (or an earlier stage) as of ``key``."""
        self.runner.prepare("churn", key)
        stages = ("training_set", "model", "evaluation", "candidate")
        return self.run(*(f"churn/{stage}" for stage in stages[: stages.index(until) + 1]), first=key)

    def version(self, asset: str, key: str | None) -> str | None:
        """Data version of the newest materialization, as Dagster has it."""
        found = self.materialization(asset, key)
        return None if found is None else (found.tags or {}).get("dagster/data_version")

    def materialization(self, asset: str, key: str | None) -> dg.AssetMaterialization | None:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset.split("/")), asset_partitions=[key] if key else None), limit=1
        ).records
        return records[0].asset_materialization if records else None

    def check(self, asset: str, name: str) -> Any:
        """Newest evaluation of a check."""
        record = self.instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(dg.AssetKey(asset.split("/")), name)]
        )
        found = next(iter(record.values()), None)
        assert found is not None, f"{asset}:{name} was never evaluated"
        assert found.event is not None
        return found.event.dagster_event.event_specific_data

    def registered(self) -> list[int]:
        """Versions in the ledger."""
        return sorted(self.workspace.ledger.state("churn").versions)


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, as Dagster shows it."""
    from mlops_assets.running.runner import _failure

    return _failure(result)[0] or ""
