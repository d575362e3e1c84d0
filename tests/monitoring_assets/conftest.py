"""A small shop in weeks with a champion and five monitored weeks, made once; each test gets a copy of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.components.location import build_definitions
from mlops_assets.components.planned_sensors import evaluate_tick
from mlops_assets.components.tags import RANGE_END_TAG, RANGE_START_TAG
from mlops_assets.components.tick import Tick
from mlops_assets.instance.opening import open_instance
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.running.runner import QUIET, Runner
from mlops_assets.settings import load_settings
from tests.copies import copy_project

FIRST, WEEKS = "2025-12-22", ("2025-12-22", "2025-12-29", "2026-01-05", "2026-01-12", "2026-01-19")

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: orders
  source: {simulator: {table: orders, customers: 400}}
  partitions: {every: week, start: 2025-08-04}
  event_time: ordered_at
  available_at: loaded_at
  primary_key: [order_id]
---
type: mlops_assets.FeatureView
attributes:
  name: habits
  entity: customer_id
  from: orders
  lookback: 8w
  sql: |
    select customer_id, date_diff('day', max(ordered_at), $as_of) as recency_days, count(*) as frequency,
           sum(amount) as monetary, mode(channel) as channel
    from orders group by customer_id
---
type: mlops_assets.Model
attributes:
  name: churn
  task: binary_classification
  entity: customer_id
  features: [habits.*]
  label: {horizon: 2w, sql: "select customer_id, false as churned from orders group by customer_id", default: true}
  training:
    window: 8w
    holdout: 2w
    estimator: {lightgbm: {num_leaves: 4, num_boost_round: 15, min_data_in_leaf: 20}}
  gates:
    - {gate: leakage, off: true, reason: the test is not about it}
    - {gate: consistency, off: true, reason: the test is not about it}
    - {gate: calibration, off: true, reason: the test is not about it}
    - {gate: label_quality, off: true, reason: the test is not about it}
    - {gate: champion, off: true, reason: the test is not about it}
  score: {schedule: weekly}
  monitor: {window: 1w, estimate_performance: true, alerts: [ALERTS]}
  retrain:
    when: {any: [{performance: {drop: 0.05}}, {score_drift: {psi: 0.2}}, {age: AGE}]}
    confirm: 2 of 3
    cooldown: 2w
    budget: 3 per 12w
  retire_after: 4w
"""


@dataclass
class Loop:
    """A project, its workspace on a clock that the test sets, and its Dagster instance."""

    project: Path
    workspace: Workspace
    instance: dg.DagsterInstance
    moment: datetime

    def to(self, day: str) -> None:
        """Set the clock to that day, shortly after midnight."""
        self.moment = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=20)

    def run(self, *assets: str, first: str | None = None, last: str | None = None) -> dg.ExecuteInProcessResult:
        """Materialize ``assets`` in one run in this process."""
        span = {} if last is None else {RANGE_START_TAG: str(first), RANGE_END_TAG: last}
        return Runner(self.workspace, build_definitions(self.workspace)).job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset.split("/")) for asset in assets],
            partition_key=first if last is None else None,
            tags=span,
            run_config=QUIET,
            raise_on_error=False,
        )

    def tick(self, sensor: str) -> Tick:
        """What a sensor of the plan does at one tick."""
        return evaluate_tick(self.workspace, next(s for s in self.workspace.plan.sensors if s.name == sensor), self.instance)

    def carry_out(self, tick: Tick) -> list[dg.ExecuteInProcessResult]:
        """Run what a tick asked for, with its tags, as the daemon would."""
        done = []
        for request in tick.requests:
            done.append(
                Runner(self.workspace, build_definitions(self.workspace)).job.execute_in_process(
                    instance=self.instance,
                    asset_selection=list(request.asset_selection or ()),
                    partition_key=request.partition_key,
                    tags={**request.tags, "dagster/run_key": str(request.run_key)},
                    run_config=QUIET,
                    raise_on_error=False,
                )
            )
        return done

    def kinds(self) -> list[str]:
        """Kinds of the model's events, in order."""
        return [event.kind for event in self.workspace.ledger.events("churn")]

    def facts(self, kind: str, key: str) -> dict:
        """What the newest version of a monitoring partition says."""
        manifest = self.workspace.store.current(f"churn/{kind}", key)
        assert manifest is not None
        return dict(manifest.facts)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Status of each check of a run, by asset and name."""
    return {
        f"{found.asset_key.path[-1]}.{found.check_name}": str(found.metadata["status"].value)
        for found in result.get_asset_check_evaluations()
    }


def open_loop(project: Path, moment: datetime) -> Loop:
    workspace = Workspace(load_settings(project))
    loop = Loop(project, workspace, open_instance(workspace.settings), moment)
    workspace.now = lambda: loop.moment  # type: ignore[method-assign]
    workspace.ledger.now = lambda: loop.moment  # type: ignore[method-assign]
    return loop


def write_project(project: Path, *, alerts: str = "", age: str = "26w", more: str = "") -> None:
    (project / "definitions" / "shop").mkdir(parents=True, exist_ok=True)
    text = DEFINITIONS.replace("ALERTS", alerts).replace("AGE", age) + more
    (project / "definitions" / "shop" / "defs.yaml").write_text(text.lstrip("\n"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project that every test begins with."""
    from mlops_assets.cli.demo_loop import make_project

    project = make_project(tmp_path_factory.mktemp("loop") / "shop")
    shutil.rmtree(project / "definitions")
    write_project(project)
    loop = open_loop(project, datetime(2025, 12, 29, 0, 20, tzinfo=UTC))
    runner = Runner(loop.workspace, build_definitions(loop.workspace))
    runner.prepare("churn", FIRST)
    step = runner.materialize([f"churn/{stage}" for stage in ("training_set", "model", "evaluation", "candidate")], FIRST)
    assert step.success, step.failure
    loop.to("2026-01-26")
    assert loop.run("orders", first=FIRST, last=WEEKS[-1]).success
    assert loop.run("habits", first="2025-12-01", last=WEEKS[-1]).success
    yield project
    loop.instance.dispose()


def _copied(template: Path, to: Path) -> Loop:
    return open_loop(copy_project(template, to), datetime(2026, 1, 26, 0, 20, tzinfo=UTC))


@pytest.fixture
def trained(template: Path, tmp_path: Path) -> Iterator[Loop]:
    """A candidate, data and features for five weeks, no champion."""
    loop = _copied(template, tmp_path / "shop")
    yield loop
    loop.instance.dispose()


@pytest.fixture(scope="session")
def watched_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same with a champion, and everything watched for five weeks."""
    loop = _copied(template, tmp_path_factory.mktemp("watched") / "shop")
    loop.to(FIRST)
    assert loop.run("churn/champion").success
    loop.to("2026-01-26")
    kinds = [f"churn/{kind}" for kind in ("scores", "predictions", "data_quality", "drift")]
    assert loop.run(*kinds, first=FIRST, last=WEEKS[-1]).success
    assert loop.run("churn/outcomes", first=FIRST, last="2026-01-05").success
    assert loop.run("churn/performance", first="2026-01-05", last=WEEKS[-1]).success
    yield loop.project
    loop.instance.dispose()


@pytest.fixture
def watched(watched_template: Path, tmp_path: Path) -> Iterator[Loop]:
    """A champion that is watched: scores to outcomes of five weeks, labels for three."""
    loop = _copied(watched_template, tmp_path / "shop")
    yield loop
    loop.instance.dispose()


@pytest.fixture
def redefine(watched: Loop) -> Callable[..., Loop]:
    """The watched project with other alerts, age or policy; its champion stays."""

    def change(**given: str) -> Loop:
        write_project(watched.project, **given)
        moment = watched.moment
        watched.instance.dispose()
        again = open_loop(watched.project, moment)
        watched.workspace, watched.instance = again.workspace, again.instance
        watched.workspace.now = lambda: watched.moment  # type: ignore[method-assign]
        watched.workspace.ledger.now = lambda: watched.moment  # type: ignore[method-assign]
        return watched

    return change
