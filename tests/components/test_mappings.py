"""The partition mappings that the UI shows say exactly what the bodies read."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from mlops_assets.components.graph import asset_spec, partitions_definition
from mlops_assets.lifecycle.needs import read_by_model
from mlops_assets.spec.calendar import Calendar
from tests.components.project import KEY, Shop

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def upstream(shop: Shop, asset: str, key: str, read: str) -> list[str]:
    """Partitions of ``read`` that Dagster shows as inputs of ``asset`` at ``key``."""
    plan = shop.workspace.plan
    specs = {name: asset_spec(plan.asset(name)) for name in (asset, read)}
    dependency = next(dep for dep in specs[asset].deps if dep.asset_key == specs[read].key)
    mapping = dependency.partition_mapping or dg.TimeWindowPartitionMapping()
    below, above = specs[asset].partitions_def, specs[read].partitions_def
    assert below is not None
    assert above is not None
    found = mapping.get_upstream_mapped_partitions_result_for_partitions(below.empty_subset().with_partition_keys([key]), below, above, NOW)
    return sorted(found.partitions_subset.get_partition_keys())


def days(first: str, last: str) -> list[str]:
    return Calendar("day", datetime(2026, 1, 1).date()).between(first, last)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("2026-01-20", ("2026-01-14", "2026-01-20")),
        ("2026-01-07", ("2026-01-01", "2026-01-07")),
        ("2026-01-03", ("2026-01-01", "2026-01-03")),
    ],
    ids=["whole lookback", "first whole lookback", "clipped at the start"],
)
def test_features_read_their_lookback(trained: Shop, key: str, expected: tuple[str, str]) -> None:
    assert upstream(trained, "spend", key, "orders") == days(*expected)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (KEY, ("2026-01-08", "2026-02-04")),
        ("2026-02-04", ("2026-01-01", "2026-01-28")),
        ("2026-01-20", ("2026-01-01", "2026-01-13")),
        ("2026-01-08", ("2026-01-01", "2026-01-01")),
        ("2026-01-07", None),
    ],
    ids=["whole window", "first whole window", "clipped", "one day", "none"],
)
def test_a_training_set_reads_its_window_before_the_horizon(trained: Shop, key: str, expected: tuple[str, str] | None) -> None:
    assert upstream(trained, "churn/training_set", key, "spend") == (days(*expected) if expected else [])


def test_labels_are_read_up_to_the_partition_itself(trained: Shop) -> None:
    assert upstream(trained, "churn/training_set", KEY, "orders") == days("2026-01-09", KEY)


def test_what_is_materialized_lies_within_what_the_mapping_shows(trained: Shop) -> None:
    reads = read_by_model(trained.workspace, "churn", KEY)
    assert set(reads.views["spend"]) <= set(upstream(trained, "churn/training_set", KEY, "spend"))
    shown = {key for view in reads.views["spend"] for key in upstream(trained, "spend", view, "orders")}
    assert reads.datasets["orders"] == shown | set(upstream(trained, "churn/training_set", KEY, "orders"))


def test_the_manifest_of_a_training_set_names_what_the_mapping_shows(trained: Shop) -> None:
    inputs = set(trained.workspace.store.current("churn/training_set", KEY).inputs)
    shown = {f"{asset}@{key}" for asset in ("spend", "orders") for key in upstream(trained, "churn/training_set", KEY, asset)}
    assert inputs <= shown
    assert f"orders@{KEY}" in inputs


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_calendars_and_dagster_spell_the_same_partitions(every: str, zone: str) -> None:
    calendar = Calendar(every, datetime(2026, 3, 10).date(), zone)  # type: ignore[arg-type]
    definition = partitions_definition(calendar)
    assert definition is not None
    keys = definition.get_partition_keys(current_time=datetime(2026, 5, 3, tzinfo=UTC))
    newest = calendar.newest_complete(datetime(2026, 5, 3, tzinfo=UTC))
    assert newest is not None
    assert keys == calendar.between(calendar.first_key, newest)
    window = definition.time_window_for_partition_key(keys[-1])
    assert (window.start.astimezone(UTC), window.end.astimezone(UTC)) == (calendar.start_of(keys[-1]), calendar.end_of(keys[-1]))
