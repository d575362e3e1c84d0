"""Which bundles may be removed, and what keeps the others."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mlops_assets.governance.retention import Holding, holdings, prunable
from mlops_assets.ledger import Ledger, Refused, actions, open_ledger
from mlops_assets.settings import SettingsError, load_settings
from tests.ledger.lives import MODEL, candidate, champion, digests, judge

KEEP = timedelta(days=365)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(str(tmp_path / "ledger.db"), checkpoints=tmp_path / "checkpoints")


def look(ledger: Ledger, days: int = 400, keep: timedelta | None = KEEP) -> dict[int, Holding]:
    """What is known of the versions in dev after so many days."""

    def until(model: str, since: datetime) -> datetime | None:
        return None if keep is None else since + keep

    found = holdings(ledger.fold().deployments, until, ledger.now() + timedelta(days=days))
    return {one.version: one for one in found if one.environment == "dev"}


def why(ledger: Ledger, days: int = 400, keep: timedelta | None = KEEP) -> dict[int, str | None]:
    return {number: one.why for number, one in look(ledger, days, keep).items()}


def test_what_serves_or_could_serve_again_is_kept_however_old(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    candidate(ledger, 4)
    actions.start_rollout(ledger, MODEL, 4, "os:ana", strategy="canary", share=0.05, steps=[0.05], needed=0)
    candidate(ledger, 5)
    found = why(ledger, days=40_000)
    assert found == {1: None, 2: "a rollback would restore it", 3: "it is champion", 4: "it is challenger", 5: "it is candidate"}
    assert [one.version for one in prunable(list(look(ledger).values()))] == [1]


def test_a_version_is_kept_for_its_time_after_it_was_put_aside(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    assert str(why(ledger, days=364)[1]).startswith("it is kept until ")
    assert why(ledger, days=366)[1] is None
    assert why(ledger, days=40_000, keep=None)[1] == "bundles of this model are kept for ever"


def test_an_approval_that_is_asked_for_keeps_a_bundle_until_the_request_expires(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    actions.request_approval(ledger, MODEL, 1, "os:ana", needed=2)
    assert "its approval is asked for until" in str(why(ledger, days=1, keep=timedelta(0))[1])
    with pytest.raises(Refused, match="approvals of churn 1 are asked for"):
        actions.prune(ledger, MODEL, 1, "os:ana", reason="old")
    assert why(ledger, days=30, keep=timedelta(0))[1] is None


def test_an_open_incident_keeps_every_version_that_served(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    candidate(ledger, 4)
    actions.reject(ledger, MODEL, 4, "os:bo", reason="no")
    ledger.append("incident_opened", MODEL, "os:ana", {"incident": "i1", "severity": "critical", "summary": "errors"})
    assert why(ledger) == {1: "it served, and incident i1 is open", 2: "a rollback would restore it", 3: "it is champion", 4: None}
    ledger.append("incident_closed", MODEL, "os:ana", {"incident": "i1", "resolution": "found"})
    assert why(ledger)[1] is None


def test_a_bundle_that_another_environment_needs_is_kept_here(tmp_path: Path) -> None:
    dev = open_ledger(str(tmp_path / "ledger.db"), environment="dev", checkpoints=tmp_path / "checkpoints")
    for number in (1, 2, 3):
        champion(dev, number)
    assert why(dev)[1] is None
    test = open_ledger(str(tmp_path / "ledger.db"), environment="test", checkpoints=tmp_path / "checkpoints")
    test.append("verdict", MODEL, "dagster", body_of(judge_body(dev)), environment="test")
    actions.register(test, MODEL, 7, "dagster", digests=digests(1), verdict="there")
    assert why(dev)[1] == "version 7 in test has the same bundle, and it is candidate"


def judge_body(ledger: Ledger) -> dict:
    return dict(next(event for event in ledger.events(kinds=["verdict"])).body)


def body_of(body: dict) -> dict:
    return {**body, "id": "there", "environment": "test"}


def test_the_ledger_itself_refuses_to_prune_what_is_needed(ledger: Ledger) -> None:
    for number in (1, 2):
        champion(ledger, number)
    with pytest.raises(Refused, match="churn 2 in dev is champion"):
        actions.prune(ledger, MODEL, 2, "os:ana", reason="old")
    with pytest.raises(Refused, match="a rollback in dev would restore churn 1"):
        actions.prune(ledger, MODEL, 1, "os:ana", reason="old")
    candidate(ledger, 3)
    with pytest.raises(Refused, match="churn 3 in dev is candidate"):
        actions.prune(ledger, MODEL, 3, "os:ana", reason="old")


def test_a_pruned_version_never_serves_again_and_a_rollback_says_why(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    actions.prune(ledger, MODEL, 1, "os:ana", reason="old")
    assert look(ledger)[1].pruned is not None
    assert prunable(list(look(ledger).values())) == []
    with pytest.raises(Refused, match="the bundle of churn 1 was pruned at"):
        actions.promote(ledger, MODEL, 1, "os:ana", needed=0)
    with pytest.raises(Refused, match=r"the bundle of churn 1 was pruned at .* already"):
        actions.prune(ledger, MODEL, 1, "os:ana", reason="old")
    actions.rollback(ledger, MODEL, "os:ana", reason="slow")
    assert ledger.state(MODEL).champion == 2
    with pytest.raises(Refused, match=r"no earlier champion in dev to go back to; pruned were 1 at"):
        actions.rollback(ledger, MODEL, "os:ana", reason="slow")


def test_a_judgement_that_comes_late_does_not_bring_a_pruned_version_back(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        champion(ledger, number)
    actions.prune(ledger, MODEL, 1, "os:ana", reason="old")
    judge(ledger, 1, verdict="later")
    version = ledger.state(MODEL).versions[1]
    assert (version.state, version.pruned is None) == ("archived", False)


@pytest.mark.parametrize(("keep", "said"), [('{low = "1d"}', "no risk class"), ('{high = "soon"}', "soon")])
def test_a_setting_that_cannot_be_read_is_an_error(tmp_path: Path, keep: str, said: str) -> None:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "pyproject.toml").write_text(f"[tool.mlops]\nkeep_bundles = {keep}\n")
    with pytest.raises(SettingsError, match=said):
        load_settings(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.mlops]\nkeep_bundles = {limited = "forever"}\n')
    assert load_settings(tmp_path).keep_bundles == {"minimal": "365d", "limited": "forever", "high": "3650d"}
