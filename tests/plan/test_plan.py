"""What definitions compile to, and how that is shown."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.plan import Plan, compile_plan
from mlops_assets.plan.explain import explain, to_json
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.model import Score
from mlops_assets.spec.retrain import Retrain

SNAPSHOT = Path(__file__).with_name("churn_plan.txt")

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: orders
  description: One row per order.
  owner: team:commerce
  source: {sql: {url: "{{ env.WAREHOUSE }}", query: "select * from orders where t >= :start and t < :end"}}
  partitions: {every: day, start: 2026-01-01, timezone: Europe/Berlin}
  event_time: ordered_at
  primary_key: [order_id]
  on_invalid: quarantine
  max_age: 2d
---
type: mlops_assets.Dataset
attributes: {name: census, source: {csv: census.csv}}
---
type: mlops_assets.FeatureView
attributes:
  name: rfm
  entity: customer_id
  from: orders
  lookback: 90d
  sql: |
    select customer_id, count(*) as frequency
    from orders group by customer_id
---
type: mlops_assets.Model
attributes:
  name: churn
  description: Will this customer stay away?
  task: binary_classification
  entity: customer_id
  features: [rfm.*]
  label: {horizon: 30d, sql: "select customer_id, false as churned from orders", default: true}
  training: {every: 7d, window: 180d, holdout: 30d}
  gates:
    - {metric: roc_auc, at_least: 0.8}
    - {metric: roc_auc, versus: champion, margin: 0.01, confidence: 0.9}
    - {fairness: demographic_parity_ratio, attribute: customer_id, at_least: 0.8}
    - {gate: calibration, off: true, reason: only the ranking is used}
  retrain: {schedule: weekly}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    home = tmp_path / "definitions" / "shop"
    home.mkdir(parents=True)
    (home / "defs.yaml").write_text(DEFINITIONS.lstrip("\n"))
    found, problems = check_project(tmp_path, {"WAREHOUSE": "postgresql://user:hunter2@host/db"})
    assert problems == []
    return found


@pytest.fixture
def plan(catalogue: Catalogue) -> Plan:
    return compile_plan(catalogue)


def test_the_plan_of_a_model_as_text(plan: Plan, catalogue: Catalogue) -> None:
    text = re.sub(r"definition [0-9a-f]{16}", "definition DIGEST", explain(plan, catalogue, "churn"))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()


def test_a_model_is_a_chain_of_assets(plan: Plan) -> None:
    keys = [asset.key for asset in plan.declared_by("churn")]
    steps = ("training_set", "model", "evaluation", "candidate", "challenger", "champion")
    watched = ("predictions", "outcomes", "data_quality", "drift", "performance")
    assert keys == [f"churn/{step}" for step in (*steps, *watched)]
    assert {asset.group for asset in plan.declared_by("churn")} == {"churn"}


def test_every_asset_comes_after_what_it_reads(plan: Plan) -> None:
    seen: set[str] = set()
    for asset in plan.assets:
        assert {edge.upstream for edge in asset.deps} <= seen
        seen.add(asset.key)


def test_checks_follow_the_definition(plan: Plan) -> None:
    names = {asset.key: [check.name for check in asset.checks] for asset in plan.assets}
    assert names["orders"] == ["schema", "accounting", "volume", "freshness", "primary_key"]
    assert names["census"] == ["schema", "accounting", "volume"]
    assert names["rfm"] == ["schema", "missing_values", "entity_coverage"]
    assert names["churn/training_set"] == ["label_maturity", "base_rate", "leakage_probe"]
    assert names["churn/evaluation"][6:] == ["roc_auc", "roc_auc_versus_champion", "demographic_parity_ratio_by_customer_id"]
    assert all(re.fullmatch(r"[A-Za-z0-9_]+", check.name) for check in plan.checks())


def test_a_gate_that_is_off_does_not_block_and_shows_its_reason(plan: Plan) -> None:
    gates = {check.name: check for check in plan.asset("churn/evaluation").checks}
    assert (gates["calibration"].blocking, gates["calibration"].severity) == (False, "WARN")
    assert "only the ranking is used" in gates["calibration"].description
    assert all(check.blocking for name, check in gates.items() if name != "calibration")


def test_schedules_run_in_the_zone_of_the_calendar(plan: Plan) -> None:
    found = {schedule.name: (schedule.cron, schedule.timezone) for schedule in plan.schedules}
    assert found == {"orders_new_data": ("15 0 * * *", "Europe/Berlin"), "churn_training": ("15 0 * * 1", "Europe/Berlin")}


def test_code_versions_change_with_their_own_part_of_the_definition(catalogue: Catalogue) -> None:
    def versions(gate: float, trees: int) -> dict[str, str]:
        model = catalogue.models["churn"].model_dump(by_alias=True, exclude_unset=True, mode="json")
        model["gates"][0]["at_least"] = gate
        model["training"]["estimator"] = {"lightgbm": {"num_boost_round": trees}}
        changed = type(catalogue.models["churn"]).model_validate(model)
        other = Catalogue(catalogue.project, catalogue.datasets, catalogue.views, {"churn": changed}, catalogue.origins)
        return {asset.key: asset.code_version for asset in compile_plan(other).assets}

    before, gates, trees = versions(0.8, 100), versions(0.9, 100), versions(0.8, 200)
    assert {key for key in before if before[key] != gates[key]} == {"churn/training_set", "churn/evaluation"}
    assert {key for key in before if before[key] != trees[key]} == {"churn/model", "churn/evaluation"}


def test_the_plan_as_json_is_plain_data_without_secrets(plan: Plan, catalogue: Catalogue) -> None:
    document = json.loads(json.dumps(to_json(plan, catalogue, "orders")))
    assert document["schema"] == 1
    assert document["definition"]["source"]["sql"]["url"] == "{{ env.WAREHOUSE }}"
    assert [asset["key"] for asset in document["assets"]] == ["orders"]
    assert "hunter2" not in json.dumps(document) + explain(plan, catalogue, "orders")


def test_monitoring_reads_its_window_and_outcomes_what_comes_after(plan: Plan) -> None:
    reads = {asset.key: {e.upstream: (e.start_offset, e.end_offset) for e in asset.deps} for asset in plan.declared_by("churn")}
    assert reads["churn/outcomes"] == {"churn/predictions": (0, 0), "orders": (1, 30)}
    assert reads["churn/drift"] == {"churn/predictions": (-6, 0)}
    assert reads["churn/performance"] == {"churn/outcomes": (-36, -30), "churn/predictions": (-6, 0)}


def test_a_model_that_is_scored_in_batch_has_scores_by_schedule(catalogue: Catalogue) -> None:
    model = catalogue.models["churn"].model_copy(update={"score": Score(schedule="weekly")})
    plan = compile_plan(replace(catalogue, models={"churn": model}))
    scores = plan.asset("churn/scores")
    assert (scores.automation, scores.cron) == ("after", "15 0 * * 1")
    assert [edge.upstream for edge in plan.asset("churn/predictions").deps] == ["churn/scores", "churn/champion"]


def test_sensors_of_a_model_follow_what_it_declares(catalogue: Catalogue) -> None:
    retrain = Retrain.model_validate({"when": {"any": [{"age": "30d"}]}})
    model = catalogue.models["churn"].model_copy(update={"retrain": retrain})
    declared = {sensor.name: sensor.kind for sensor in compile_plan(replace(catalogue, models={"churn": model})).sensors}
    assert declared["churn_retraining"] == "retraining"
    assert declared["churn_promotion"] == "promotion"
    assert "churn_alerts" not in declared


def test_an_unknown_name_names_the_nearest(plan: Plan, catalogue: Catalogue) -> None:
    with pytest.raises(MlopsError, match="Did you mean 'churn'"):
        explain(plan, catalogue, "chrun")
    with pytest.raises(MlopsError, match="Did you mean 'churn/model'"):
        plan.asset("churn/modell")
