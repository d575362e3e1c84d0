"""`mlops publish`: what the server looks up by entity is computed from data to as-of time, and renewed only where it is not there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.serving.online import lookup, open_online
from tests.components.project import Shop

ONLINE = ("  recompute: 3d\n", "  recompute: 3d\n  online: {max_age: 2d}\n")
TODAY, MIDNIGHT = datetime(2026, 1, 21, 9, tzinfo=UTC), datetime(2026, 1, 21, tzinfo=UTC)


def mlops(shop: Shop, *words: str) -> Any:
    return CliRunner().invoke(app, [*words, "--project", str(shop.folder)])


def steps(stderr: str) -> Sequence[str]:
    return [line.rsplit(maxsplit=1)[0].strip() for line in stderr.splitlines()]


def test_the_newest_features_are_made_from_what_is_missing_and_looked_up(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "now", lambda _: TODAY)
    data.edit(*ONLINE)
    told = mlops(data, "publish", "churn", "--json")
    assert told.exit_code == 0, told.output
    (view,) = json.loads(told.stdout)["published"]
    assert (view["view"], view["as_of"]) == ("spend", "2026-01-21T00:00:00Z")
    assert steps(told.stderr) == ["orders 2026-01-15 … 2026-01-20 (6 partitions)", "spend 2026-01-20"], "the first of seven days was there"
    store = data.workspace.store
    rows = store.read(store.current("spend", "2026-01-20")).to_pylist()
    assert view["entities"] == len(rows) > 50
    with closing(open_online(data.workspace.settings.online_url)) as online:
        found = lookup(online, "spend", [[row["customer_id"]] for row in rows])
    assert [one.features["total"] if one else None for one in found] == [row["total"] for row in rows]
    assert {one.as_of for one in found if one} == {int(MIDNIGHT.timestamp() * 1e6)}
    again = mlops(data, "publish", "churn")
    assert again.stdout == f"spend: {len(rows)} entities as of 2026-01-21T00:00:00Z\n"
    assert again.stderr == "", "nothing is made twice"


def test_a_model_without_such_features_and_a_wrong_name_are_told(data: Shop) -> None:
    for name, said in (("churn", "no features that are looked up by entity"), ("chrun", "Did you mean 'churn'")):
        told = mlops(data, "publish", name)
        assert isinstance(told.exception, MlopsError)
        assert told.exception.exit_code == 2
        assert said in str(told.exception)


def test_data_that_cannot_be_read_fails_and_publishes_nothing(data: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Workspace, "now", lambda _: TODAY)
    data.edit(*ONLINE)
    data.change('{"2026-01-18": {"raise": "the source is away"}}')
    told = mlops(data, "publish", "churn")
    assert isinstance(told.exception, MlopsError)
    assert told.exception.exit_code == 2
    assert "the source is away" in str(told.exception)
    with closing(open_online(data.workspace.settings.online_url)) as online:
        assert lookup(online, "spend", [[3]]) == [None]
