"""Registered versions: one per bundle, verified before they exist, with aliases that follow the ledger."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlops_assets.modeling.bundle import verify
from mlops_assets.registry import RegistryError
from mlops_assets.registry.versions import Difference

VERDICT = {"id": "v" * 64, "status": "pass"}


@pytest.fixture
def two(registry, bundles):
    """Two registered versions."""
    return [registry.register("churn", bundle.digest, folder=bundle.folder, verdict=VERDICT) for bundle in bundles]


def stored_file(registry, version, name: str) -> Path:
    location = registry.client.get_logged_model(version.model_id).artifact_location
    return Path(location) / "data" / "bundle" / name


def test_a_logged_bundle_becomes_a_version_with_digests_verdict_and_the_way_back_to_dagster(registry, bundles):
    with registry.step_run("d1", "churn/model", "2026-06-01") as step:
        step.log_bundle(bundles[0].folder, bundles[0])
    tags = {
        "dagster.run_id": "d1",
        "dagster.asset": "churn/candidate",
        "dagster.partition": "2026-06-01",
        "mlops.data": "d" * 64,
        "none": None,
    }
    made = registry.register("churn", bundles[0].digest, tags=tags, description="Will this customer stay away?", verdict=VERDICT)
    found = registry.client.get_model_version("churn", "1")
    assert (made.version, made.created, found.run_id, found.description) == (1, True, step.run_id, "Will this customer stay away?")
    assert found.tags["mlops.bundle"] == bundles[0].digest
    assert (found.tags["mlops.verdict"], found.tags["mlops.verdict_status"]) == ("v" * 64, "pass")
    assert (found.tags["dagster.partition"], found.tags["mlops.data"]) == ("2026-06-01", "d" * 64)
    assert "none" not in found.tags
    assert made.url.endswith("/#/models/churn/versions/1")


def test_the_same_bundle_is_one_version_however_often_it_is_registered(registry, open_again, bundles, two):
    again = open_again().register("churn", bundles[0].digest, verdict={"id": "w" * 64, "status": "pass"}, description="new")
    assert (again.version, again.created) == (1, False)
    assert [version.version for version in two] == [1, 2]
    found = registry.client.get_model_version("churn", "1")
    assert (found.tags["mlops.verdict"], found.description) == ("w" * 64, "new")


def test_a_bundle_that_mlflow_does_not_hold_comes_from_its_folder_and_without_one_is_refused(registry, bundles):
    with pytest.raises(RegistryError, match="Materialize churn/model"):
        registry.register("churn", bundles[0].digest)
    assert registry.register("churn", bundles[0].digest, folder=bundles[0].folder).version == 1


def test_a_folder_with_another_bundle_is_refused(registry, bundles):
    with pytest.raises(RegistryError, match=bundles[0].digest[:12]):
        registry.register("churn", bundles[0].digest, folder=bundles[1].folder)
    assert registry.versions("churn") == {}


def test_one_changed_byte_in_the_logged_bundle_and_there_is_no_version(registry, bundles):
    with registry.step_run("d1", "churn/model") as step:
        logged = step.log_bundle(bundles[0].folder)
    file = Path(registry.client.get_logged_model(logged.model_id).artifact_location) / "data" / "bundle" / "model.txt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(RegistryError, match=r"model\.txt was altered"):
        registry.register("churn", bundles[0].digest)
    assert registry.versions("churn") == {}


def test_an_altered_copy_is_passed_over_for_a_whole_one_and_a_registered_one_is_told(registry, bundles):
    with registry.step_run("d1", "churn/model") as step:
        altered = step.log_bundle(bundles[0].folder)
        whole = step.log_bundle(bundles[0].folder)
    location = Path(registry.client.get_logged_model(altered.model_id).artifact_location)
    (location / "data" / "bundle" / "model.txt").write_text("tree", encoding="utf-8")
    version = registry.register("churn", bundles[0].digest)
    assert version.model_id == whole.model_id
    stored_file(registry, version, "model.txt").write_text("tree", encoding="utf-8")
    with pytest.raises(RegistryError, match="version 1 of churn is not what was registered"):
        registry.register("churn", bundles[0].digest, folder=bundles[0].folder)


def test_a_version_is_fetched_byte_for_byte_by_number_and_by_alias(registry, bundles, two, tmp_path):
    registry.set_alias("churn", "champion", 2)
    assert verify(registry.fetch("churn", 1, tmp_path / "one"))["digest"] == bundles[0].digest
    assert verify(registry.fetch("churn", "champion", tmp_path / "two"))["digest"] == bundles[1].digest


def test_a_version_whose_bundle_was_swapped_altered_or_removed_is_not_fetched(registry, two, tmp_path):
    stored_file(registry, two[0], "model.txt").write_text("tree", encoding="utf-8")
    with pytest.raises(RegistryError, match="altered"):
        registry.fetch("churn", 1, tmp_path / "altered")
    whole = stored_file(registry, two[0], "")
    shutil.rmtree(whole)
    shutil.copytree(stored_file(registry, two[1], ""), whole)
    with pytest.raises(RegistryError, match=two[1].digest[:12]):
        registry.fetch("churn", 1, tmp_path / "swapped")
    shutil.rmtree(whole)
    with pytest.raises(RegistryError, match="cannot be read"):
        registry.fetch("churn", 1, tmp_path / "removed")
    assert list(tmp_path.glob("mlops-fetch-*")) == []


def test_a_version_that_does_not_exist_is_refused(registry, two, tmp_path):
    with pytest.raises(RegistryError, match="not found"):
        registry.fetch("churn", 9, tmp_path / "x")
    with pytest.raises(RegistryError, match="champion"):
        registry.fetch("churn", "champion", tmp_path / "x")


def test_aliases_are_set_moved_and_taken_away(registry, two):
    assert registry.aliases("unknown") == {}
    registry.set_alias("churn", "champion", 1)
    registry.set_alias("churn", "champion", 2)
    assert registry.aliases("churn") == {"champion": 2}
    registry.delete_alias("churn", "champion")
    registry.delete_alias("churn", "champion")
    assert registry.aliases("churn") == {}


def test_an_alias_set_by_hand_is_reported_and_repaired_and_other_aliases_are_left_alone(registry, two):
    registry.set_alias("churn", "champion", 2)
    registry.set_alias("churn", "challenger", 1)
    registry.set_alias("churn", "annas_favourite", 1)
    wanted = {"champion": 1}
    reported = registry.sync("churn", aliases=wanted, repair=False)
    assert reported == [Difference("alias", "challenger", None, None, "1", False), Difference("alias", "champion", None, "1", "2", False)]
    assert "MLflow said 2, the ledger says 1" in str(reported[1])
    assert [difference.repaired for difference in registry.sync("churn", aliases=wanted)] == [True, True]
    assert registry.aliases("churn") == {"champion": 1, "annas_favourite": 1}
    assert registry.sync("churn", aliases=wanted) == []


def test_tags_that_differ_are_rebuilt(registry, two):
    registry.set_tags("churn", 1, {"mlops.state": "champion", "owner": "anna"})
    wanted = {1: {"mlops.state": "archived"}, 2: {"mlops.state": "champion"}}
    found = registry.sync("churn", aliases={}, tags=wanted)
    assert [(d.version, d.name, d.found, d.expected) for d in found] == [
        (1, "mlops.state", "champion", "archived"),
        (2, "mlops.state", None, "champion"),
    ]
    assert registry.versions("churn")[1]["owner"] == "anna"
    assert registry.sync("churn", aliases={}, tags=wanted) == []


def test_a_version_that_was_deleted_in_mlflow_is_reported_and_cannot_be_repaired(registry, two):
    registry.client.delete_model_version("churn", "1")
    found = registry.sync("churn", aliases={"champion": 1}, tags={1: {"mlops.state": "champion"}})
    assert [(d.what, d.repaired) for d in found] == [("version", False), ("alias", False)]


def test_registering_leaves_the_default_store_of_mlflow_alone(registry, bundles):
    import mlflow

    registry.register("churn", bundles[0].digest, folder=bundles[0].folder)
    assert not mlflow.is_tracking_uri_set()
