"""Roads around a red gate, and around approvals. None of them may lead to a candidate or a champion."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from mlops_assets.running.runner import QUIET
from tests.components.project import KEY, LATER, Shop, failure_of
from tests.copies import copy_project

BINARIES = Path(sys.executable).parent


@pytest.fixture(scope="module")
def red_folder(trained_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained project with a gate that its next model cannot pass, and that model judged."""
    shop = Shop(copy_project(trained_folder, tmp_path_factory.mktemp("red") / "shop"))
    shop.edit("at_least: 0.55", "at_least: 0.999")
    result = shop.life(LATER)
    assert not result.success
    return shop.folder


@pytest.fixture
def red(red_folder: Path, copied: Callable[[Path], Shop]) -> Shop:
    return copied(red_folder)


def test_a_red_gate_stops_the_candidate_in_its_own_run(red: Shop) -> None:
    assert red.registered() == [1]
    assert red.check("churn/evaluation", "roc_auc").passed is False
    assert red.materialization("churn/candidate", LATER) is None


def test_materializing_the_candidate_alone_is_refused_and_names_the_gate(red: Shop) -> None:
    result = red.run("churn/candidate", first=LATER)
    assert not result.success
    assert "roc_auc fail" in failure_of(result)
    assert red.registered() == [1]


def test_an_evaluation_cannot_be_selected_without_its_gates(red: Shop) -> None:
    selection = dg.AssetSelection.assets(["churn", "evaluation"], ["churn", "candidate"]).without_checks()
    definitions = dg.Definitions.merge(red.definitions(), dg.Definitions(jobs=[dg.define_asset_job("no_gates", selection)]))
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        definitions.resolve_job_def("no_gates")


def test_a_run_without_checks_is_refused(red: Shop) -> None:
    selection = dg.AssetSelection.assets(["churn", "candidate"]).without_checks()
    definitions = dg.Definitions.merge(red.definitions(), dg.Definitions(jobs=[dg.define_asset_job("no_checks", selection)]))
    result = definitions.resolve_job_def("no_checks").execute_in_process(
        instance=red.instance, partition_key=LATER, raise_on_error=False, run_config=QUIET
    )
    assert not result.success
    assert "roc_auc fail" in failure_of(result)
    assert red.registered() == [1]


def test_the_dagster_command_is_refused(red: Shop) -> None:
    done = subprocess.run(
        [
            str(BINARIES / "dagster"),
            "asset",
            "materialize",
            "--select",
            "churn/candidate",
            "--partition",
            LATER,
            "-m",
            "mlops_assets.definitions",
        ],
        cwd=red.folder,
        env={**os.environ, "DAGSTER_HOME": str(red.folder / "dagster_home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "roc_auc fail" in done.stderr + done.stdout
    assert red.registered() == [1]


def test_a_definition_that_is_eased_after_the_verdict_voids_it(red: Shop) -> None:
    red.edit("at_least: 0.999", "at_least: 0.55")
    result = red.run("churn/candidate", first=LATER)
    assert not result.success
    assert "the definition" in failure_of(result)
    assert red.registered() == [1]


def test_a_definition_that_is_eased_after_training_needs_training_again(red: Shop) -> None:
    red.edit("at_least: 0.999", "at_least: 0.55")
    result = red.run("churn/evaluation", "churn/candidate", first=LATER)
    assert not result.success
    assert "out of date" in failure_of(result)
    assert red.registered() == [1]


def test_one_changed_byte_of_the_bundle_is_found(trained: Shop) -> None:
    result = trained.life(LATER, until="evaluation")
    assert result.success
    tree = trained.materialization("churn/model", LATER)
    assert tree is not None
    files = [file for file in (trained.folder / ".mlops" / "store").rglob("*") if file.is_file() and "bundles" in str(file)]
    altered = 0
    for file in files:
        content = bytearray(file.read_bytes())
        if content and file.suffix in (".txt", ".json") and b"tree" in content.lower() and "pointer" not in str(file):
            content[len(content) // 2] ^= 1
            file.write_bytes(bytes(content))
            altered += 1
    assert altered
    result = trained.run("churn/candidate", first=LATER)
    assert not result.success
    assert "altered" in failure_of(result) or "not" in failure_of(result)
    assert trained.registered() == [1]


def test_a_candidate_without_a_verdict_is_refused(trained: Shop) -> None:
    trained.life(LATER, until="model")
    result = trained.run("churn/candidate", first=LATER)
    assert not result.success
    assert "no verdict" in failure_of(result)


def test_a_champion_needs_the_approvals_of_its_environment(trained: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    trained.edit("  gates:\n", "  approvals: {test: 2}\n  gates:\n")
    result = trained.run("churn/champion")
    assert not result.success
    assert "0 of 2 approvals" in failure_of(result)
    assert trained.workspace.ledger.state("churn").champion is None


def test_a_champion_without_a_candidate_is_refused(data: Shop) -> None:
    result = data.run("churn/champion")
    assert not result.success
    assert data.workspace.ledger.state("churn").champion is None


def test_an_alias_set_by_hand_makes_no_champion(trained: Shop) -> None:
    from mlops_assets.registry.following import follow

    trained.workspace.registry.set_alias("churn", "champion", 1)
    assert trained.workspace.ledger.state("churn").champion is None
    follow(trained.workspace.registry, trained.workspace.ledger.fold(), "churn")
    assert trained.workspace.registry.aliases("churn") == {} or "champion" not in trained.workspace.registry.aliases("churn")


def test_a_candidate_older_than_the_champion_is_refused_and_judged_by_the_champion_of_its_time(trained: Shop) -> None:
    assert trained.run("churn/champion").success
    assert trained.workspace.ledger.state("churn").champion == 1
    earlier = "2026-02-09"
    trained.runner.prepare("churn", earlier)
    result = trained.run("churn/training_set", "churn/model", "churn/evaluation", first=earlier)
    assert result.success
    judged = trained.check("churn/evaluation", "champion")
    assert judged.metadata["status"].value == "not_applicable"
    refused = trained.run("churn/candidate", first=earlier)
    assert not refused.success
    assert "older than the champion" in failure_of(refused)
    assert trained.registered() == [1]
    assert earlier < KEY
