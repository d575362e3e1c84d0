"""A bundle moves from test to prod by digest, between homes that share nothing; a sample stays in dev; a waiver is by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Answer, Project

HOMES = "\n".join(f'[tool.mlops.{name}]\nhome = ".mlops/{name}"' for name in ("dev", "test", "prod"))
IMPOSSIBLE = "gates: [{metric: roc_auc, at_least: 0.99}]"


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    """Version 1 judged red and waived in dev, where it learned from a sample; version 1 green in test."""
    project = new_project(HOMES)
    definition = project.folder / "definitions" / "churn" / "defs.yaml"
    green = definition.read_text()
    definition.write_text(green.replace("gates: [{metric: roc_auc, at_least: 0.6}]", IMPOSSIBLE))
    project.mlops("run", "churn", "--as-of", "2024-10-15", code=1, MLOPS_ENVIRONMENT="dev", MLOPS_SAMPLE="0.5")
    definition.write_text(green)
    project.mlops("run", "churn", "--as-of", "2024-10-15", MLOPS_ENVIRONMENT="test")
    for name in ("ann", "bob"):
        project.hire(name, "approver", "--environment", "prod")
    return project


@pytest.fixture(scope="module")
def moved(project: Project) -> Answer:
    """Version 1 of test is champion in prod; what was said when that was asked for without approvals."""
    asked = project.mlops("promote", "churn", "1", "--from", "test", "--to", "prod", code=1)
    for person in ("ann", "bob"):
        project.mlops("approve", "churn", "1", who=person)
    project.mlops("promote", "churn", "1", "--from", "test", "--to", "prod")
    return asked


def test_a_bundle_moves_from_test_to_prod_by_digest_and_waits_for_its_approvals(project: Project, moved: Answer) -> None:
    assert "0 of 2 approvals for churn 1 in prod" in moved.err
    here, there = (project.mlops("status", "churn", "--json", "--environment", name).document for name in ("prod", "test"))
    assert here["champion"] == 1
    assert here["mlflow"]["agrees"] is True
    assert here["versions"][0]["digests"] == there["versions"][0]["digests"]
    assert here["versions"][0]["registered"]["from"]["environment"] == "test"
    assert there["champion"] is None
    story = project.mlops("audit", "log", "churn", "--environment", "prod").out
    assert "moved from test version 1" in story


@pytest.mark.usefixtures("moved")
def test_the_dossier_of_a_moved_version_has_its_metrics_and_where_it_came_from(project: Project) -> None:
    dossier = project.mlops("audit", "dossier", "churn", "1", "--json", "--environment", "prod").document
    assert dossier["came_from"]["environment"] == "test"
    assert dossier["purpose"]["owner"] == "team:growth"
    assert dossier["metrics"]["roc_auc"]["value"] > 0.6
    assert dossier["verdict"]["environment"] == "test"


@pytest.mark.usefixtures("moved")
def test_building_a_moved_version_again_names_the_environment_that_holds_its_data(project: Project) -> None:
    found = project.mlops("reproduce", "churn", "1", "--json", code=1, MLOPS_ENVIRONMENT="prod").document
    assert found["status"] == "inconclusive"
    assert "`mlops reproduce churn 1 --environment test`" in found["detail"]
    assert project.mlops("reproduce", "churn", "1", "--json", "--environment", "test").document["status"] == "pass"


@pytest.mark.usefixtures("moved")
def test_no_bundle_moves_back_or_out_of_nowhere(project: Project) -> None:
    back = project.mlops("promote", "churn", "1", "--from", "prod", "--to", "test", code=1)
    assert "a bundle does not move from prod to test" in back.err
    missing = project.mlops("promote", "churn", "7", "--from", "test", "--to", "prod", code=2)
    assert "churn has no version 7 in test" in missing.err


def test_a_waived_model_is_registered_as_it_was_judged_and_its_sample_never_leaves_dev(project: Project) -> None:
    told = project.mlops("status", "churn", MLOPS_ENVIRONMENT="dev").out
    assert "roc_auc" in told
    assert "did not pass" in told
    verdict = project.mlops("status", "churn", "--json", MLOPS_ENVIRONMENT="dev").document["last_verdict"]
    wrong = [gate["name"] for gate in verdict["gates"] if gate["status"] in ("fail", "inconclusive")]
    named = [word for gate in wrong for word in ("--gate", gate)]
    waived = project.mlops("waive", "churn", *named, "--reason", "only to try the road", MLOPS_ENVIRONMENT="dev")
    assert "`mlops run churn --as-of 2024-10-01` registers what was judged and waived" in waived.out
    definition = project.folder / "definitions" / "churn" / "defs.yaml"
    green = definition.read_text()
    definition.write_text(green.replace("gates: [{metric: roc_auc, at_least: 0.6}]", IMPOSSIBLE))
    registered = project.mlops("run", "churn", "--as-of", "2024-10-15", "--json", MLOPS_ENVIRONMENT="dev", MLOPS_SAMPLE="0.5")
    definition.write_text(green)
    assert registered.document["version"] == 1
    assert registered.document["verdict"]["id"] == verdict["id"]
    shown = project.mlops("status", "churn", MLOPS_ENVIRONMENT="dev").out
    assert "WAIVED by os:" in shown
    for place in ("test", "prod"):
        stays = project.mlops("promote", "churn", "1", "--from", "dev", "--to", place, code=1)
        assert "learned from a sample of 50% of the data, and such a bundle never leaves dev" in stays.err


def test_what_was_rejected_in_test_goes_no_further(project: Project) -> None:
    project.mlops("run", "churn", "--as-of", "2024-11-15", MLOPS_ENVIRONMENT="test")
    project.mlops("reject", "churn", "2", "--reason", "unfair", MLOPS_ENVIRONMENT="test")
    refused = project.mlops("promote", "churn", "2", "--from", "test", "--to", "prod", code=1)
    assert "churn 2 is rejected in test" in refused.err
