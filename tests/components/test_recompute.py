"""Late and corrected data: features within `recompute` follow, models never do, and what is stale is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from tests.components.project import KEY, Shop

EVENING = datetime(2026, 1, 15, 3, tzinfo=UTC)
"""The newest complete partition is 2026-01-14."""


def requested(shop: Shop, cursor: object = None, at: datetime = EVENING) -> tuple[set[str], object]:
    """Feature partitions that automation asks for now."""
    result = dg.evaluate_automation_conditions(
        shop.definitions(), shop.instance, asset_selection=dg.AssetSelection.assets("spend"), evaluation_time=at, cursor=cursor
    )
    return set(result.get_requested_partitions(dg.AssetKey("spend"))), result.cursor


@pytest.fixture
def followed(data: Shop) -> tuple[Shop, object]:
    """Two weeks of orders with their features, and automation that has seen them."""
    assert data.run("spend", first="2026-01-01", last="2026-01-14").success
    asked, cursor = requested(data)
    asked, cursor = requested(data, cursor)
    assert asked == set()
    return data, cursor


def test_a_correction_is_followed_in_the_newest_partitions_alone(followed: tuple[Shop, object]) -> None:
    shop, cursor = followed
    shop.change(json.dumps({"2026-01-09": {"amount": 7}}))
    assert shop.run("orders", first="2026-01-09").success
    asked, _ = requested(shop, cursor, EVENING + timedelta(minutes=5))
    assert asked == {"2026-01-12", "2026-01-13", "2026-01-14"}


def test_a_new_partition_is_followed(followed: tuple[Shop, object]) -> None:
    shop, cursor = followed
    tomorrow = EVENING + timedelta(days=1)
    asked, cursor = requested(shop, cursor, tomorrow)
    assert asked == set()
    assert shop.run("orders", first="2026-01-15").success
    asked, _ = requested(shop, cursor, tomorrow + timedelta(minutes=5))
    assert asked == {"2026-01-15"}


def test_a_partition_that_failed_its_blocking_check_is_not_followed(followed: tuple[Shop, object]) -> None:
    shop, cursor = followed
    shop.change(json.dumps({"2026-01-15": {"drop": 2}}))
    tomorrow = EVENING + timedelta(days=1)
    assert not shop.run("orders", first="2026-01-15").success
    assert shop.version("orders", "2026-01-15") is not None
    asked, _ = requested(shop, cursor, tomorrow)
    assert asked == set()


def test_models_follow_nothing_by_themselves(trained: Shop) -> None:
    conditions = {spec.key.to_user_string(): spec.automation_condition for spec in trained.definitions().resolve_all_asset_specs()}
    kinds = {asset.key: asset.kind for asset in trained.workspace.plan.assets}
    automated = {kinds[name] for name, condition in conditions.items() if condition is not None}
    assert automated & {"training_set", "model", "evaluation", "candidate", "challenger", "champion"} == set()
    assert conditions["spend"] is not None


def test_a_run_recomputes_stale_features_within_recompute_and_says_so(trained: Shop) -> None:
    store = trained.workspace.store
    before = {key: store.current("spend", key).digest for key in store.partitions("spend")}
    model = trained.version("churn/model", KEY)
    trained.change(json.dumps({"2026-02-01": {"amount": 1}}))
    assert trained.run("orders", first="2026-02-01").success
    trained.runner.prepare("churn", KEY)
    after = {key: store.current("spend", key).digest for key in store.partitions("spend")}
    assert {key for key in before if before[key] != after[key]} == {"2026-02-02"}
    assert trained.told == [
        "spend: 1 with an input that was corrected since, 1 keep what they were computed from, since the correction is older than recompute"
    ]
    assert trained.version("churn/model", KEY) == model


def test_a_corrected_input_that_changes_no_feature_is_asked_once(trained: Shop) -> None:
    trained.edit("avg(case when channel = 'app' then 1.0 else 0.0 end) as app_share", "0.0 as app_share")
    trained.runner.prepare("churn", KEY)
    trained.told.clear()
    trained.edit("sum(amount) as total", "0.0 * count(*) as total")
    trained.runner.prepare("churn", KEY)
    assert trained.told[0].startswith("spend: 14 computed by another definition")
    trained.change(json.dumps({"2026-02-03": {"amount": 3}}))
    assert trained.run("orders", first="2026-02-03").success
    trained.told.clear()
    trained.runner.prepare("churn", KEY)
    assert trained.told == ["spend: 1 with an input that was corrected since"]
    trained.told.clear()
    trained.runner.prepare("churn", KEY)
    assert trained.told == []


def test_a_data_set_whose_declaration_changed_is_read_again(trained: Shop) -> None:
    trained.edit("amount: {type: float64, ge: 0}", "amount: {type: float64, ge: 0, le: 100000}")
    trained.runner.prepare("churn", KEY)
    assert trained.told[0] == "orders: 40 read under another declaration"
    trained.told.clear()
    trained.runner.prepare("churn", KEY)
    assert trained.told == []


def test_a_sound_project_has_nothing_to_do(trained: Shop) -> None:
    runs = trained.instance.get_runs_count()
    trained.runner.prepare("churn", KEY)
    assert trained.told == []
    assert trained.instance.get_runs_count() == runs


def test_an_order_that_arrives_late_leaves_the_training_set_as_it_was_until_it_is_made_again(trained: Shop) -> None:
    digest = trained.workspace.store.current("churn/training_set", KEY).digest
    trained.change(json.dumps({KEY: {"drop": 20}}))
    assert trained.run("orders", first=KEY).success
    assert trained.workspace.store.current("churn/training_set", KEY).digest == digest
    assert trained.run("churn/training_set", first=KEY).success
    assert trained.workspace.store.current("churn/training_set", KEY).digest != digest
