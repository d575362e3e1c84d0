"""Pages that people read, by Evidently: made where they are worth their cost, and kept where the link leads."""

from __future__ import annotations

import pytest

from mlops_assets.lifecycle.watching.drift import page_wanted
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.settings import load_settings
from tests.monitoring_assets.conftest import WEEKS, Loop
from tests.monitoring_assets.test_watching import shift


@pytest.mark.parametrize(
    "setting, status, first, wanted",
    [
        ("always", "pass", False, True),
        ("found", "fail", False, True),
        ("found", "inconclusive", True, True),
        ("found", "pass", False, False),
        ("found", "inconclusive", False, False),
        ("never", "fail", True, False),
    ],
)
def test_a_page_is_made_as_the_setting_says(setting: str, status: str, first: bool, wanted: bool) -> None:
    assert page_wanted(setting, status, first=first) is wanted


def test_drift_has_a_page_that_opens_and_a_quiet_week_says_that_it_has_none(watched: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_DRIFT_PAGES", "found")
    watched.workspace = Workspace(load_settings(watched.project))
    shift(watched, WEEKS[-1])
    shown = []
    for key in (WEEKS[-1], WEEKS[-2]):
        result = watched.run("churn/drift", first=key)
        assert result.success
        [event] = [e for e in result.get_asset_materialization_events() if e.asset_key.path[-1] == "drift"]
        shown.append(str(event.materialization.metadata["Evidently report"].value))
    assert watched.facts("drift", WEEKS[-1])["status"] == "fail"
    assert shown[0].startswith("http")
    assert watched.facts("drift", WEEKS[-2])["status"] != "fail"
    assert shown[1] == "none here: drift_pages = found"
    version = watched.workspace.ledger.state("churn").versions[1]
    artifacts = watched.workspace.registry.client.list_artifacts(str(version.mlflow_run), "drift")
    assert [file.path.rpartition("/")[2] for file in artifacts] == [f"{WEEKS[-1]}.html"]
