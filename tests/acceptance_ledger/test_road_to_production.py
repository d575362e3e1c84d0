"""From data to champion in prod, and back: two people approve, MLflow follows, Dagster shows it, and nothing goes around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlops_assets.components.transitions import report_transition
from mlops_assets.instance.opening import open_instance
from mlops_assets.ledger import Refused
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.settings import load_settings

from .conftest import Answer, Project


class Road:
    """The project after the whole road, and what each step answered."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.answers: dict[str, Answer] = {}

    def __getitem__(self, step: str) -> Answer:
        return self.answers[step]

    def step(self, name: str, *words: str, who: str = "olga", code: int = 0) -> None:
        self.answers[name] = self.project.mlops(*words, who=who, code=code)

    def promoted(self, step: str) -> None:
        """Ask, approve twice, promote."""
        self.step(f"{step}: ask", "promote", "churn", code=1)
        for person in ("ann", "bob"):
            self.step(f"{step}: {person}", "approve", "churn", who=person)
        self.step(step, "promote", "churn", "--json")

    @property
    def workspace(self) -> Workspace:
        return Workspace(load_settings(self.project.folder, "prod"))

    def shown(self, asset: str) -> list[dg.AssetMaterialization]:
        """Materializations in Dagster, the newest first."""
        with open_instance(self.workspace.settings) as instance:
            records = instance.fetch_materializations(dg.AssetKey(["churn", asset]), limit=10).records
            return [record.asset_materialization for record in records if record.asset_materialization is not None]


@pytest.fixture(scope="module")
def road(new_project: Callable[..., Project]) -> Road:
    road = Road(new_project())
    for name, role in (("ann", "approver"), ("bob", "approver"), ("olga", "operator")):
        road.project.hire(name, role)
    road.step("candidate", "run", "churn", "--as-of", "2024-10-15", "--json")
    road.step("asked", "promote", "churn", code=1)
    road.step("olga", "approve", "churn", code=1)
    road.step("nobody", "approve", "churn", who="ann")
    road.step("twice", "approve", "churn", who="ann", code=1)
    road.step("too early", "promote", "churn", code=1)
    road.answers["by Dagster"] = _materialize(road, "champion")
    road.step("bob", "approve", "churn", who="bob")
    road.step("champion", "promote", "churn", "--json")
    road.step("first", "status", "churn", "--json")
    road.step("retrained", "run", "churn", "--as-of", "2024-12-15", "--json")
    road.promoted("second champion")
    road.step("second", "status", "churn", "--json")
    road.step("back", "rollback", "churn", "--reason", "complaints", "--json")
    road.step("third", "status", "churn", "--json")
    return road


def _materialize(road: Road, asset: str) -> Answer:
    """Materialize one asset as `dagster asset materialize` does; its failure is on stderr."""
    from mlops_assets.components.location import build_definitions
    from mlops_assets.running.runner import Runner

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLOPS_KEY", road.project.keys["olga"])
        patch.setenv("DAGSTER_HOME", str(road.project.folder / "dagster_home"))
        step = Runner(road.workspace, build_definitions(road.workspace)).materialize([f"churn/{asset}"], None)
    return Answer(0 if step.success else 1, step.dagster_run_id or "", step.failure or "")


def test_a_run_in_prod_ends_at_a_candidate(road: Road) -> None:
    document = road["candidate"].document
    assert document["environment"] == "prod"
    assert document["verdict"]["status"] == "pass"
    assert document["version"] == 1


def test_a_promotion_without_approvals_is_refused_and_asks_for_them(road: Road) -> None:
    assert "0 of 2 approvals for churn 1 in prod" in road["asked"].err
    assert "2 distinct approvers other than olga" in road["asked"].err


def test_the_requester_and_a_second_approval_of_one_person_do_not_count(road: Road) -> None:
    assert "nobody approves their own request" in road["olga"].err
    assert "approvals are from distinct people" in road["twice"].err
    assert "1 of 2 approvals" in road["too early"].err


def test_materializing_the_champion_alone_goes_around_nothing(road: Road) -> None:
    assert road["by Dagster"].code == 1
    assert "1 of 2 approvals for churn 1 in prod" in road["by Dagster"].err


def test_two_approvers_make_it_champion_and_mlflow_says_the_same(road: Road) -> None:
    assert road["champion"].document["approvers"] == ["ann", "bob"]
    status = road["first"].document
    assert status["champion"] == 1
    assert status["mlflow"] == {"aliases": {"champion": 1}, "agrees": True, "problem": None}
    given = status["versions"][0]["approvals"]["went_live_with"]
    assert [approval["by"] for approval in given] == ["ann", "bob"]


def test_the_version_before_is_archived_and_comes_back_in_one_event(road: Road) -> None:
    assert [(one["version"], one["state"]) for one in road["second"].document["versions"]] == [(1, "archived"), (2, "champion")]
    assert road["back"].document["restored"] == 1
    status = road["third"].document
    assert (status["champion"], status["mlflow"]["aliases"]) == (1, {"champion": 1})
    assert road["back"].document["event"] == max(event.sequence for event in road.workspace.ledger.events("churn"))


def test_the_history_has_three_intervals_without_gap_or_overlap(road: Road) -> None:
    history = road["third"].document["history"]
    assert [one["version"] for one in history] == [1, 2, 1]
    assert [one["until"] for one in history] == [*(one["from"] for one in history[1:]), None]


def test_dagster_shows_each_transition_with_its_evidence_and_its_event(road: Road) -> None:
    shown = road.shown("champion")
    events = {event.sequence: event for event in road.workspace.ledger.events("churn", kinds=["promoted", "rolled_back"])}
    assert sorted(one.metadata["event"].value for one in shown) == sorted(events)
    metadata = {name: value.value for name, value in shown[1].metadata.items()}
    promoted = events[metadata["event"]]
    assert metadata["event_hash"] == promoted.hash
    assert metadata["version"] == 2
    assert metadata["verdict_status"] == "pass"
    assert metadata["replaced"] == "version 1"
    assert metadata["digest_bundle"] == promoted.body["digests"]["bundle"]
    assert [one["bundle"] for one in metadata["approvals"]] == [promoted.body["digests"]["bundle"]] * 2
    assert metadata["MLflow version"].endswith("/models/churn/versions/2")
    assert metadata["model card"].endswith("model_card.html")
    assert shown[0].metadata["reason"].value == "complaints"


def test_the_candidate_in_dagster_names_the_event_and_the_event_names_the_run(road: Road) -> None:
    newest = road.shown("candidate")[0]
    event = next(road.workspace.ledger.events("churn", version=2, kinds=["registered"]))
    assert newest.metadata["event"].value == event.sequence
    assert newest.metadata["dagster_run"].value == event.body["run"] == road["retrained"].document["dagster_run_id"]


def test_an_alias_set_by_hand_is_reported_and_repaired(road: Road) -> None:
    road.workspace.registry.set_alias("churn", "champion", 2)
    told = road.project.mlops("status", "churn")
    assert "champion: MLflow says 2, the ledger says 1" in told.out
    repaired = road.project.mlops("registry", "sync", "churn", "--json").document["differences"]["churn"]
    assert [(one["name"], one["found"], one["expected"], one["repaired"]) for one in repaired] == [("champion", "2", "1", True)]
    assert road.project.mlops("status", "churn", "--json").document["mlflow"]["agrees"] is True


def test_a_transition_that_dagster_does_not_allow_to_show_is_no_transition(road: Road) -> None:
    before = len(road.shown("champion"))
    event = next(road.workspace.ledger.events("churn", kinds=["registered"]))
    report_transition(road.workspace, "churn", event)
    assert len(road.shown("champion")) == before


def test_a_promotion_that_names_other_approvers_than_there_were_is_refused(road: Road) -> None:
    ledger = road.workspace.ledger
    version = ledger.state("churn").versions[2]
    body = {"verdict": version.verdict, "digests": dict(version.digests), "needed": 0, "approvers": ["ann"], "replaces": 1}
    with pytest.raises(Refused, match="it names ann as approvers; nobody approved"):
        ledger.append("promoted", "churn", "os:me", body, version=2)


def test_the_dossier_holds_what_an_auditor_asks(road: Road) -> None:
    dossier = road.project.mlops("audit", "dossier", "churn", "1", "--json").document
    assert dossier["purpose"]["intended_use"] == "Ranking visitors. Not for prices."
    assert dossier["purpose"]["owner"] == "team:growth"
    assert dossier["training"]["rows"]["train"] > 0
    assert dossier["metrics"]["roc_auc"]["n"] == dossier["training"]["rows"]["holdout"]
    assert dossier["verdict"]["digests"] == dossier["digests"]
    assert [(one["by"], one["digests"]["bundle"]) for one in dossier["approvals"]["given"]] == [
        ("ann", dossier["digests"]["bundle"]),
        ("bob", dossier["digests"]["bundle"]),
    ]
    changes = [(one["from"], one["to"], one["kind"], one["by"]) for one in dossier["changes"]]
    assert changes == [
        (None, "candidate", "registered", "olga"),
        ("candidate", "approved", "approved", "bob"),
        ("approved", "champion", "promoted", "olga"),
        ("champion", "archived", "promoted", "olga"),
        ("archived", "champion", "rolled_back", "olga"),
    ]
    assert len(dossier["served"]) == 2
    assert dossier["ledger"]["status"] == "pass"
    text = road.project.mlops("audit", "dossier", "churn", "1").out
    assert "Every change of state and its cause" in text
    assert f"approved bundle {dossier['digests']['bundle']}" in text


def test_the_dossier_of_an_undeclared_purpose_says_so(road: Road) -> None:
    definition = road.project.folder / "definitions" / "churn" / "defs.yaml"
    before = definition.read_text()
    definition.write_text(before.replace("  owner: team:growth\n", ""))
    try:
        dossier = road.project.mlops("audit", "dossier", "churn", "2", "--json").document
    finally:
        definition.write_text(before)
    assert dossier["purpose"]["owner"] == "team:growth", "the dossier tells what was declared when it was trained"


def test_a_version_is_built_again_from_records_alone(road: Road) -> None:
    found = road.project.mlops("reproduce", "churn", "1", "--json").document
    assert (found["status"], found["agreement"]["by"]) == ("pass", "bundle")


def test_a_version_is_built_again_by_its_own_definition_after_a_change(road: Road) -> None:
    definition = road.project.folder / "definitions" / "churn" / "defs.yaml"
    before = definition.read_text()
    definition.write_text(before.replace("num_leaves: 5", "num_leaves: 9").replace("7 months", "5 months"))
    try:
        assert road.project.mlops("reproduce", "churn", "2", "--json").document["status"] == "pass"
    finally:
        definition.write_text(before)


def test_the_story_and_its_verification(road: Road) -> None:
    story = road.project.mlops("audit", "log", "churn").out
    assert "olga made churn 2 champion in place of 1" in story
    assert "olga rolled churn 2 back, version 1 takes all traffic: complaints" in story
    assert road.project.mlops("audit", "verify", "--json").document["status"] == "pass"


def test_what_was_erased_cannot_be_built_again_and_says_so(road: Road, tmp_path: Path) -> None:
    project = road.project.copied(tmp_path / "project")
    project.mlops("store", "erase", "visit_id=1200", "--reason", "ticket 12", "--yes")
    found: Any = project.mlops("reproduce", "churn", "1", "--json", code=1).document
    assert found["status"] == "erased"
    assert found["erased"][0]["reason"] == "ticket 12"
