"""Every check of data sets, features and training sets, green and red."""

from __future__ import annotations

import json

import pytest

from tests.components.project import KEY, LATER, Shop, failure_of


def passed(shop: Shop, asset: str, *names: str) -> list[bool]:
    return [shop.check(asset, name).passed for name in names]


def test_checks_of_a_sound_project_are_green(trained: Shop) -> None:
    assert passed(trained, "orders", "schema", "volume", "primary_key") == [True] * 3
    assert passed(trained, "spend", "schema", "missing_values", "entity_coverage") == [True] * 3
    assert passed(trained, "churn/training_set", "label_maturity", "base_rate", "leakage_probe") == [True] * 3


def test_rows_that_break_a_rule_turn_schema_red_and_keep_what_was_there(data: Shop) -> None:
    before = data.version("orders", "2026-01-05")
    data.change(json.dumps({"2026-01-05": {"amount": -1}}))
    result = data.run("orders", first="2026-01-05")
    assert not result.success
    assert "ge 0" in failure_of(result)
    assert passed(data, "orders", "schema", "primary_key") == [False, True]
    assert data.workspace.store.current("orders", "2026-01-05").digest == before


def test_of_a_range_the_sound_partitions_are_stored_and_told(data: Shop) -> None:
    data.change(json.dumps({"2026-01-16": {"amount": -1}}))
    result = data.run("orders", first="2026-01-15", last="2026-01-17")
    assert not result.success
    assert data.version("orders", "2026-01-15") == data.workspace.store.current("orders", "2026-01-15").digest
    assert data.version("orders", "2026-01-17") is not None
    assert data.version("orders", "2026-01-16") is None


def test_repeated_keys_turn_primary_key_red(data: Shop) -> None:
    data.change(json.dumps({"2026-01-05": {"twice": 3}}))
    assert not data.run("orders", first="2026-01-05").success
    found = data.check("orders", "primary_key")
    assert found.passed is False
    assert found.metadata["repeated_rows"].value == 3


def test_repeated_keys_that_are_set_aside_are_counted(data: Shop) -> None:
    data.edit("  min_rows: 5", "  on_invalid: quarantine\n  max_invalid: 20%\n  min_rows: 5")
    data.change(json.dumps({"2026-01-05": {"twice": 3}}))
    assert data.run("orders", first="2026-01-05").success
    assert data.check("orders", "primary_key").passed is True
    assert data.check("orders", "schema").metadata["quarantined_rows"].value == 3
    shown = data.materialization("orders", "2026-01-05")
    assert shown is not None
    assert shown.metadata["quarantined_rows"].value == 3


def test_too_few_rows_turn_volume_red_and_stop_what_follows(data: Shop) -> None:
    data.change(json.dumps({"2026-01-14": {"drop": 3}}))
    result = data.run("orders", "spend", first="2026-01-14")
    assert not result.success
    found = data.check("orders", "volume")
    assert found.passed is False
    assert found.metadata["first_below"].value == "2026-01-14"
    assert data.version("spend", "2026-01-14") is None


def test_old_data_turns_freshness_red_and_stops_nothing(data: Shop) -> None:
    data.edit("  min_rows: 5", "  max_age: 2d\n  min_rows: 5")
    assert data.run("orders", first="2026-01-14").success
    assert data.check("orders", "freshness").passed is False
    data.edit("  max_age: 2d", "  max_age: 200w")
    assert data.run("orders", first="2026-01-14").success
    assert data.check("orders", "freshness").passed is True


def test_a_feature_that_is_missing_more_often_than_usual_is_named(data: Shop) -> None:
    assert data.run("spend", first="2026-01-07", last="2026-01-13").success
    assert data.check("spend", "missing_values").passed is True
    data.edit("sum(amount) as total", "case when $as_of <= timestamptz '2026-01-15 00:00:00+00' then sum(amount) end as total")
    assert data.run("spend", first="2026-01-08", last="2026-01-13").success
    assert data.run("orders", "spend", first="2026-01-14", last="2026-01-15").success
    found = data.check("spend", "missing_values")
    assert found.passed is False
    assert list(found.metadata["features"].value) == ["total at 2026-01-15"]


def test_a_sudden_lack_of_entities_is_told(data: Shop) -> None:
    assert data.run("spend", first="2026-01-07", last="2026-01-13").success
    assert data.check("spend", "entity_coverage").passed is True
    data.edit("from orders group by customer_id\n---", "from orders where customer_id < 60 group by customer_id\n---")
    assert data.run("spend", first="2026-01-14").success
    found = data.check("spend", "entity_coverage")
    assert found.passed is False
    assert "usually" in found.metadata["partitions"].value["2026-01-14"]


def test_features_with_other_columns_than_before_turn_schema_red(data: Shop) -> None:
    assert data.run("spend", first="2026-01-07").success
    data.edit("count(*) as orders", "customer_id as other, count(*) as orders, count(*) as orders")
    result = data.run("spend", first="2026-01-08")
    assert not result.success
    assert data.check("spend", "schema").passed is False


def test_a_feature_that_gives_the_target_away_is_named_before_training(trained: Shop) -> None:
    trained.edit(
        "select customer_id, false as churned from orders group by customer_id",
        "select customer_id, false as churned from orders where customer_id % 3 = 0 group by customer_id",
    )
    trained.edit("avg(case when channel = 'app' then 1.0 else 0.0 end) as app_share", "customer_id % 3 as app_share")
    trained.life(LATER, until="training_set")
    found = trained.check("churn/training_set", "leakage_probe")
    assert found.passed is False
    assert list(found.metadata["deciding"].value) == ["app_share"]
    assert trained.materialization("churn/training_set", LATER) is not None


def test_a_target_that_jumps_is_told(trained: Shop) -> None:
    quiet = {f"2026-02-{day:02}": {"drop": 6} for day in range(1, 19)}
    trained.change(json.dumps(quiet))
    days = ("2026-02-01", "2026-02-18")
    assert trained.run("orders", first=days[0], last=days[1]).success
    trained.life(LATER, until="training_set")
    found = trained.check("churn/training_set", "base_rate")
    assert found.passed is False
    assert "went from" in found.description


def test_an_error_that_is_nobodys_mistake_is_tried_again(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlops_assets.data.ingest import typed as reading

    attempts = []

    def broken(*arguments: object, **options: object) -> None:
        attempts.append(arguments)
        raise ConnectionError("the disk went away")

    monkeypatch.setattr(reading, "read_pieces", broken)
    result = data.run("orders", first="2026-01-05")
    assert not result.success
    assert "the disk went away" in failure_of(result)
    assert len(attempts) == 3


def test_a_mistake_in_a_function_is_told_and_not_tried_again(data: Shop) -> None:
    data.change(json.dumps({"2026-01-05": {"raise": "no such table"}}))
    result = data.run("orders", first="2026-01-05")
    assert not result.success
    assert "no such table" in failure_of(result)
    assert not [event for event in result.all_events if event.is_step_up_for_retry]


def test_the_words_of_a_refusal_are_what_dagster_shows(data: Shop) -> None:
    result = data.run("churn/training_set", first=KEY)
    failures = [event for event in result.all_events if event.is_step_failure]
    assert len(failures) == 1
    shown = failures[0].step_failure_data.user_failure_data
    assert shown is not None
    assert "spend" in shown.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
