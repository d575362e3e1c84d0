"""Bundles that nothing needs any more are removed from store and MLflow; the records stay and say so."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import pytest

from mlops_assets.cli import main
from mlops_assets.cli.dossier import as_text
from mlops_assets.data.store import verify
from mlops_assets.errors import MlopsError
from mlops_assets.governance.principals import os_user
from mlops_assets.governance.retention import prunable
from mlops_assets.ledger import Refused, actions
from mlops_assets.lifecycle.bundles import bundle_by_digest
from mlops_assets.lifecycle.dossier import dossier_of
from mlops_assets.lifecycle.pruning import look, prune
from mlops_assets.lifecycle.workspace import Workspace
from mlops_assets.registry import RegistryError
from tests.monitoring_assets.conftest import Loop

GATES = [{"name": "leakage", "status": "pass"}]


@pytest.fixture
def succeeded(trained: Loop) -> Loop:
    """Version 1, whose bundle is real, was champion before 2 and 3; two years have gone by."""
    ledger = trained.workspace.ledger
    actions.promote(ledger, "churn", 1, "os:ana", needed=0)
    for number in (2, 3):
        digests: dict[str, str | None] = {"bundle": f"bundle{number}", "trees": None, "data": "data", "spec": "spec"}
        actions.record_verdict(ledger, "churn", "dagster", id=f"verdict{number}", status="pass", digests=digests, gates=GATES)
        actions.register(ledger, "churn", number, "dagster", digests=digests, verdict=f"verdict{number}")
        actions.promote(ledger, "churn", number, "os:ana", needed=0)
    trained.moment += timedelta(days=730)
    return trained


def bundle(loop: Loop) -> str:
    return str(loop.workspace.ledger.state("churn").versions[1].digests["bundle"])


def test_a_bundle_goes_and_its_dossier_stays_whole(succeeded: Loop, tmp_path) -> None:
    workspace = succeeded.workspace
    before, digest = dossier_of(workspace, "churn", 1), bundle(succeeded)
    assert before["pruned"] is None
    workspace.registry.fetch("churn", 1, tmp_path / "before")
    [(removed, size)] = prune(workspace, prunable(look(workspace)), os_user(), "out of service for long")
    assert (removed.version, removed.bundle) == (1, digest)
    assert size > 1_000
    with pytest.raises(MlopsError, match="was pruned at 2028-"):
        bundle_by_digest(workspace, digest)
    with pytest.raises(RegistryError):
        workspace.registry.fetch("churn", 1, tmp_path / "after")
    assert workspace.registry.versions("churn")[1]["mlops.pruned"]
    assert verify(workspace.store) == []
    after = dossier_of(workspace, "churn", 1)
    assert {**after, "pruned": None, "ledger": None} == {**before, "ledger": None}
    assert after["pruned"]["reason"] == "out of service for long"
    assert "Its bundle was removed for good at 2028-" in as_text(after)
    with pytest.raises(Refused, match="the bundle of churn 1 was pruned"):
        actions.promote(workspace.ledger, "churn", 1, "os:ana", needed=0)
    assert prune(workspace, prunable(look(workspace)), os_user(), "again") == []


def test_a_pruning_that_was_killed_is_finished_by_the_next(succeeded: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = succeeded.workspace
    chosen = prunable(look(workspace))
    with monkeypatch.context() as patch:
        patch.setattr(workspace.store, "delete_tree", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prune(workspace, chosen, os_user(), "old")
    assert prunable(look(workspace)) == []
    assert [one.version for one, _ in prune(workspace, [], os_user(), "old")] == [1]
    assert dossier_of(workspace, "churn", 1)["training"]["libraries"]


def test_the_command_removes_nothing_unless_it_is_told_to(
    succeeded: Loop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Workspace, "now", lambda _: succeeded.moment)
    pointer = succeeded.workspace.store.get_pointer(f"bundles/{bundle(succeeded)}")
    assert pointer is not None

    def mlops(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["mlops", "store", "prune", *words, "--project", str(succeeded.project)])
        with pytest.raises(SystemExit) as ended:
            main.run()
        assert not ended.value.code
        return capsys.readouterr().out

    assert "would go; --yes removes them" in mlops()
    assert "a rollback would restore it" in mlops("--all")
    assert pointer["tree"] in succeeded.workspace.store.trees("bundles")
    document = json.loads(mlops("--yes", "--json"))
    assert [row["outcome"].partition(":")[0] for row in document["versions"]] == ["removed", "kept", "kept"]
    assert pointer["tree"] not in succeeded.workspace.store.trees("bundles")
    assert "no bundle can go" in mlops("--yes")
