"""Data that has ended: commands take the newest partitions that exist, or say what cannot be done before any work."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import dagster as dg
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.components.tags import RANGE_END_TAG, RANGE_START_TAG
from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.needs import read_by_server
from mlops_assets.lifecycle.watching.due import due_outcomes
from mlops_assets.lifecycle.watching.retraining import training_key
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.running.runner import RunError, model_key
from tests.components.project import Shop

ONLINE = ("  recompute: 3d\n", "  recompute: 3d\n  online: {}\n")
START, ENDED = "start: 2026-01-01}", "start: 2026-01-01, end: 2026-01-15}"
LONG_AFTER = datetime(2026, 9, 1, 9, tzinfo=UTC)


def mlops(shop: Shop, *words: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, [*words, "--project", str(shop.folder)])


def test_the_last_features_are_published_long_after_the_end(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "now", lambda _: LONG_AFTER)
    data.edit(*ONLINE)
    data.edit(START, ENDED)
    told = mlops(data, "publish", "churn", "--json")
    assert told.exit_code == 0, told.output
    (view,) = json.loads(told.stdout)["published"]
    assert (view["view"], view["as_of"]) == ("spend", "2026-01-15T00:00:00Z")
    assert view["entities"] == data.workspace.store.current("spend", "2026-01-14").rows > 50
    assert mlops(data, "publish", "churn").exit_code == 0


@pytest.mark.parametrize(
    ("now", "partitions", "said"),
    [
        (datetime(2026, 1, 1, 12, tzinfo=UTC), START, "begins on 2026-01-01."),
        (datetime(2026, 1, 1, 12, tzinfo=UTC), ENDED, "begins on 2026-01-01 and ends before 2026-01-15."),
    ],
)
def test_nothing_is_published_before_the_first_partition_has_ended(
    data: Shop, monkeypatch: pytest.MonkeyPatch, now: datetime, partitions: str, said: str
) -> None:
    monkeypatch.setattr(Workspace, "now", lambda _: now)
    data.edit(*ONLINE)
    data.edit(START, partitions)
    runs = data.instance.get_runs_count()
    told = mlops(data, "publish", "churn")
    assert isinstance(told.exception, MlopsError)
    assert told.exception.exit_code == 2
    assert f"spend has no complete partition yet; its calendar {said}" in str(told.exception)
    assert data.instance.get_runs_count() == runs


def test_a_model_is_trained_at_its_last_partition_and_at_none_after_it(data: Shop) -> None:
    data.edit(START, ENDED)
    assert model_key(data.workspace, "churn", None) == "2026-01-14"
    assert model_key(data.workspace, "churn", date(2026, 1, 13)) == "2026-01-13"
    assert training_key(data.workspace, "churn") == "2026-01-14"
    for later in (date(2026, 1, 15), datetime(9999, 12, 31, 23, 30, tzinfo=UTC), "2026-01-15", "2026-01-14-00:00"):
        with pytest.raises(RunError, match="2026-01-01 to 2026-01-14"):
            model_key(data.workspace, "churn", later)


def test_status_is_told_and_what_is_looked_up_is_what_exists(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    data.edit(*ONLINE)
    data.edit(START, ENDED)
    assert mlops(data, "status", "churn").exit_code == 0
    monkeypatch.setattr(Workspace, "now", lambda _: LONG_AFTER)
    reads = read_by_server(data.workspace, "churn")
    assert reads.views == {"spend": ["2026-01-14"]}
    assert reads.datasets == {"orders": {f"2026-01-{day:02}" for day in range(8, 15)}}


def test_a_schedule_asks_for_no_partition_after_the_end(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(data.folder / "dagster_home"))
    data.edit(START, "start: 2026-01-01, end: 2026-01-17}\n  schedule: daily")
    repository = data.definitions().get_repository_def()
    with dg.build_schedule_context(data.instance, LONG_AFTER, repository_def=repository) as context:
        answer = repository.get_schedule_def("orders_new_data").evaluate_tick(context)
    (request,) = answer.run_requests or []
    assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == ("2026-01-15", "2026-01-16")


def test_predictions_after_the_end_ask_for_no_partition_that_is_not_there(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    data.edit(START, ENDED)
    for key in ("2026-01-05", "2026-03-01"):
        data.workspace.store.write("churn/predictions", key, pa.table({"at": [1]}))
    monkeypatch.setattr(Workspace, "now", lambda _: LONG_AFTER)
    assert list(due_outcomes(data.workspace, "churn")) == ["2026-01-05"]
