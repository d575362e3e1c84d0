"""The commands that decide what serves, on a project of its own with a real MLflow beside it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from mlops_assets.cli import approvals, audit, deployment, principals, registry
from mlops_assets.errors import MlopsError
from mlops_assets.ledger import Ledger, actions, open_ledger

DEFINITIONS = """
type: mlops_assets.Dataset
attributes:
  name: contacts
  source: {csv: contacts.csv}
  columns: {age: {type: int64}, subscribed: {type: bool}}
---
type: mlops_assets.Model
attributes:
  name: churn
  task: binary_classification
  examples: {from: contacts, target: subscribed}
  training: {estimator: {lightgbm: {}}}
"""

app = typer.Typer()
for group in (approvals, audit, deployment, principals, registry):
    group.register(app)


class Project:
    """A project folder and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "definitions" / "churn").mkdir(parents=True)
        (folder / "definitions" / "churn" / "defs.yaml").write_text(DEFINITIONS)
        (folder / "definitions" / "churn" / "contacts.csv").write_text("age,subscribed\n31,true\n")
        (folder / "pyproject.toml").write_text('[tool.mlops]\nenvironment = "prod"\n')

    def ledger(self, environment: str = "prod") -> Ledger:
        """The project's ledger."""
        home = self.folder / ".mlops"
        return open_ledger(f"sqlite:///{home / 'ledger.db'}", environment=environment, checkpoints=home / "checkpoints")

    def candidate(self, number: int, environment: str = "prod", sample: float = 1.0) -> None:
        """A judged and registered version, in the ledger and in MLflow."""
        digests = {"bundle": f"bundle{number}", "trees": None, "data": "data", "spec": "spec"}
        gates = [{"name": "beats_naive", "status": "pass"}]
        ledger = self.ledger(environment)
        verdict = f"verdict{number}"
        actions.record_verdict(ledger, "churn", "dagster", id=verdict, status="pass", digests=digests, gates=gates, sample=sample)
        actions.register(ledger, "churn", number, "dagster", digests=digests, verdict=verdict, sample=sample)

    def mlops(self, *words: str, code: int = 0) -> str:
        """What a command says; its exit code must be ``code``."""
        result = CliRunner().invoke(app, [*words, "--project", str(self.folder)])
        failure = result.exception
        found = failure.exit_code if isinstance(failure, MlopsError) else result.exit_code
        assert found == code, (words, result.output, failure)
        return f"{result.stdout}{failure}" if isinstance(failure, MlopsError) else result.stdout

    def read(self, *words: str, code: int = 0) -> Any:
        """The one JSON document that a command prints."""
        return json.loads(self.mlops(*words, "--json", code=code)) if code == 0 else self._refused(*words, code=code)

    def _refused(self, *words: str, code: int) -> Any:
        result = CliRunner().invoke(app, [*words, "--json", "--project", str(self.folder)])
        assert isinstance(result.exception, MlopsError)
        assert result.exception.exit_code == code
        return json.loads(result.stdout)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name in [name for name in os.environ if name.startswith("MLOPS_")]:
        monkeypatch.delenv(name)
    return Project(tmp_path)


@pytest.fixture
def mlflow(project: Project) -> Any:
    """The project's MLflow, which knows three versions of churn."""
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.settings import load_settings

    found = Workspace(load_settings(project.folder)).registry
    found.client.create_registered_model("churn")
    for number in (1, 2, 3):
        found.client.create_model_version("churn", source=f"file://{project.folder}/{number}")
    return found


def test_from_candidate_to_champion_and_back_with_two_approvers(project: Project, mlflow: Any) -> None:
    keys = {}
    for name, role in (("ana", "approver"), ("bo", "approver"), ("cy", "approver"), ("olga", "operator")):
        keys[name] = project.read("principals", "add", name, "--role", role)["key"]
    for number in (1, 2):
        project.candidate(number)
        refused = project.mlops("promote", "churn", str(number), "--key", keys["ana"], code=1)
        assert "0 of 2 approvals" in refused
        assert f"2 distinct approvers other than ana run `mlops approve churn {number}`" in refused
        assert "nobody approves their own request" in project.mlops("approve", "churn", str(number), "--key", keys["ana"], code=1)
        assert "1 of 2 approvals" in project.mlops("approve", "churn", str(number), "--comment", "fine", "--key", keys["bo"])
        assert "has approved it already" in project.mlops("approve", "churn", str(number), "--key", keys["bo"], code=1)
        assert project.read("approve", "churn", "--key", keys["cy"])["approvals"] == ["bo", "cy"]
        document = project.read("promote", "churn", "--key", keys["olga"])
        assert (document["version"], document["state"], document["approvers"]) == (number, "champion", ["bo", "cy"])
        assert mlflow.aliases("churn") == {"champion": number}
    assert document["replaced"] == 1
    assert "churn 2 is rolled back in prod; churn 1 takes all traffic" in project.mlops("rollback", "churn", "--key", keys["olga"])
    assert "no earlier champion in prod to go back to" in project.mlops("rollback", "churn", "--key", keys["olga"], code=1)
    status = project.read("status", "churn")
    assert (status["champion"], status["traffic"], status["mlflow"]["agrees"]) == (1, {"1": 1.0}, True)
    assert [one["version"] for one in status["history"]] == [1, 2, 1]
    assert [one["until"] for one in status["history"][:2]] == [one["from"] for one in status["history"][1:]]
    story = project.mlops("audit", "log", "churn")
    assert "olga made churn 2 champion in place of 1: verdict verdict2, approved by bo and cy" in story
    assert "olga rolled churn 2 back, version 1 takes all traffic" in story
    assert [event["kind"] for event in project.read("audit", "log", "churn", "--actor", "bo")["events"]] == ["approved", "approved"]
    assert "signed checkpoints vouch for the first" in project.mlops("audit", "verify")


def test_an_alias_that_was_set_by_hand_is_reported_and_repaired(project: Project, mlflow: Any) -> None:
    project.candidate(1, "test")
    project.mlops("promote", "churn", "--to", "test")
    mlflow.set_alias("churn", "champion", 3)
    shown = project.read("status", "churn", "--environment", "test")
    assert shown["mlflow"]["agrees"] is False
    assert "champion: MLflow says 3, the ledger says 1" in shown["mlflow"]["problem"]
    assert "MLflow said 3, the ledger says 1; not repaired" in project.mlops("registry", "sync", "--dry-run", code=1)
    assert "MLflow said 3, the ledger says 1; repaired" in project.mlops("registry", "sync")
    assert mlflow.aliases("churn") == {"champion": 1}
    assert project.read("registry", "sync") == {"schema": 1, "ok": True, "differences": {"churn": []}}


def test_a_version_moves_from_test_to_prod_and_waits_there_for_its_approvals(project: Project, mlflow: Any) -> None:
    project.candidate(1, "test")
    project.mlops("promote", "churn", "--to", "test")
    keys = {name: project.read("principals", "add", name, "--role", "approver")["key"] for name in ("ana", "bo")}
    refused = project.read("promote", "churn", "1", "--from", "test", "--to", "prod", code=1)
    assert refused["refused"] is True
    assert "0 of 2 approvals for churn 1 in prod" in refused["error"]["found"]
    for key in keys.values():
        project.mlops("approve", "churn", "--key", key)
    project.mlops("promote", "churn", "1", "--from", "test", "--to", "prod")
    assert project.read("status", "churn")["versions"][0]["registered"]["from"]["environment"] == "test"
    assert mlflow.aliases("churn") == {"champion": 1, "champion_test": 1}
    assert project.read("status", "churn", "--environment", "test")["mlflow"]["agrees"] is True


def test_what_learned_from_a_sample_stays_in_dev(project: Project) -> None:
    project.candidate(1, "dev", sample=0.1)
    said = project.mlops("promote", "churn", "1", "--from", "dev", "--to", "prod", code=1)
    assert "learned from a sample of 10% of the data, and such a bundle never leaves dev" in said
    assert project.ledger().state("churn").versions == {}


def test_retiring_asks_first(project: Project, mlflow: Any) -> None:
    project.candidate(1, "test")
    project.mlops("promote", "churn", "--to", "test")
    assert "asks for confirmation. Say --yes" in project.mlops("retire", "churn", "--environment", "test", code=2)
    assert project.read("retire", "churn", "--environment", "test", "--yes", "--reason", "not needed")["retired"] == [1]
    assert mlflow.aliases("churn") == {}
    assert "no champion" in project.mlops("status", "churn", "--environment", "test")


def test_wrong_names_and_values_are_bad_use(project: Project) -> None:
    assert "Did you mean 'churn'?" in project.mlops("status", "chrun", code=2)
    assert "Did you mean 'promoted'?" in project.mlops("audit", "log", "--kind", "promotd", code=2)
    assert "is no environment" in project.mlops("status", "--environment", "live", code=2)
    assert "is no role" in project.mlops("principals", "add", "ana", "--role", "boss", code=2)
    assert "there is no ledger" in project.mlops("audit", "verify", code=2) if not (project.folder / ".mlops").exists() else True
    assert "is not known here" in project.mlops("promote", "churn", "--key", "nonsense", code=2)
    assert "has no version that is candidate or approved" in project.mlops("promote", "churn", code=1)
    assert "--from and --to are both prod" in project.mlops("promote", "churn", "--from", "prod", code=2)


def test_a_key_is_shown_once_and_its_principal_listed_and_revoked(project: Project) -> None:
    made = project.read("principals", "add", "ana", "--role", "approver", "--scope", "prod/*", "--expires", "90d")
    listed = project.read("principals", "list")["keys"]
    assert [(one["principal"], one["prefix"], one["scopes"]) for one in listed] == [("ana", made["prefix"], ["prod/*"])]
    assert made["key"] not in project.mlops("principals", "list")
    project.mlops("principals", "revoke", "ana", "--reason", "left")
    assert project.read("principals", "list")["keys"] == []
    assert "was revoked" in project.mlops("principals", "list", "--all")


def test_verifying_an_altered_ledger_exits_with_one_and_names_the_event(project: Project) -> None:
    import sqlite3

    project.candidate(1)
    file = project.folder / ".mlops" / "ledger.db"
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET actor = 'eve' WHERE sequence = 2")
    assert "altered: event 2 (registered churn 1) was altered" in project.mlops("audit", "verify", code=1)
    key = project.folder / ".mlops" / "checkpoints" / "signing.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
