"""What `dg` and `dagster` say of a project: the right things, and nothing where there is nothing to say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.components.project import DEFINITIONS, REPOSITORY, make_project

BINARIES = Path(sys.executable).parent


def call(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BINARIES / command[0]), *command[1:]],
        cwd=folder,
        env={**os.environ, "DAGSTER_HOME": str(folder / "dagster_home"), "PATH": f"{BINARIES}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's own definitions, in a folder of their own."""
    import shutil

    folder = tmp_path_factory.mktemp("dg") / "repository"
    folder.mkdir()
    for name in ("definitions", "pyproject.toml", "workspace.yaml", "dagster_home"):
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("history", "schedules", "storage", ".*"))
        else:
            shutil.copy(source, folder / name)
    return folder


def test_the_repository_is_sound_and_silent(repository: Path) -> None:
    done = call(repository, "dg", "check", "defs")
    assert (done.returncode, done.stdout.split("\n")[:2], done.stderr.strip()) == (
        0,
        ["All component YAML validated successfully.", "All definitions loaded successfully."],
        "",
    )


def test_assets_are_listed_with_their_groups_and_checks(repository: Path) -> None:
    done = call(repository, "dg", "list", "defs", "--json")
    assert done.returncode == 0
    assert "Warning" not in done.stderr
    listed = json.loads(done.stdout)
    assets = {asset["asset_key"]: asset for asset in listed["assets"]}
    assert {"orders", "customer_rfm", "churn/training_set", "churn/model", "churn/evaluation", "churn/candidate", "churn/champion"} <= set(
        assets
    )
    assert assets["churn/model"]["group_name"] == "churn"


def test_component_types_are_listed_under_the_package_name(repository: Path) -> None:
    done = call(repository, "dg", "list", "components", "--json")
    assert done.returncode == 0
    assert {"mlops_assets.Dataset", "mlops_assets.FeatureView", "mlops_assets.Model"} <= {
        entry["key"] for entry in json.loads(done.stdout)["items"]
    }


def test_the_location_is_valid_for_dagster(repository: Path) -> None:
    done = call(repository, "dagster", "definitions", "validate")
    assert done.returncode == 0
    assert "All code locations passed validation" in done.stderr + done.stdout
    assert "BetaWarning" not in done.stderr


def test_the_environment_fills_in_attributes_and_leaves_sql_alone(tmp_path: Path) -> None:
    text = DEFINITIONS.replace("owner: team:shop\n  tags: {domain: sales}", 'owner: "team:{{ env.TEAM }}"')
    text = text.replace("min_rows: 5", 'min_rows: "{{ env.ROWS }}"')
    text = text.replace("count(*) as orders,", "count(*) filter (where channel <> '{{ env.TEAM }}') as orders,")
    folder = make_project(tmp_path / "shop", text)
    done = call(folder, "dg", "check", "defs", TEAM="shop", ROWS="3")
    assert (done.returncode, done.stderr) == (0, "")
    unset = call(folder, "dg", "check", "defs")
    assert unset.returncode != 0
    assert "ROWS" in unset.stderr + unset.stdout


def test_a_mistake_is_told_by_dg_with_its_line(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "shop", DEFINITIONS.replace("task: binary_classification", "task: binary"))
    done = call(folder, "dg", "check", "yaml")
    assert done.returncode != 0
    line = DEFINITIONS.strip().split("\n").index("  task: binary_classification") + 1
    assert f"defs.yaml:{line}" in done.stdout
    assert "'binary' is not one of ['binary_classification'" in done.stdout


def test_the_schema_accepts_every_example() -> None:
    from jsonschema import Draft202012Validator

    from mlops_assets.components import Dataset, FeatureView, Model

    files = [*REPOSITORY.glob("definitions/*/defs.yaml"), *REPOSITORY.glob("mlops_assets/examples/project/definitions/*/defs.yaml")]
    schemas = {f"mlops_assets.{cls.__name__}": json.dumps(cls.get_model_cls().model_json_schema()) for cls in (Dataset, FeatureView, Model)}
    documents = [document for file in files for document in yaml.load_all(file.read_text(), _TextDates)]
    assert len(documents) > 8
    for document in documents:
        validator = Draft202012Validator(json.loads(schemas[document["type"]]))
        assert [error.message for error in validator.iter_errors(document["attributes"])] == []


class _TextDates(yaml.SafeLoader):
    """As Dagster reads YAML: dates stay text."""


_DATE = "tag:yaml.org,2002:timestamp"
_TextDates.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != _DATE] for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"gates": [{"gat": "calibration"}]}, "'gat' is not one of"),
        ({"gates": [{"gate": "calibration", False: True, "reason": "small"}]}, None),
        ({"training": {"seed": "{{ env.SEED }}", "holdout": "5%", "estimator": {"sklearn": "sklearn.linear_model.Ridge"}}}, None),
        ({"training": {"seed": "seven"}}, "'seven' is not of type 'integer'"),
        ({"retrain": {"confirm": "2 of 3", "budget": "4 per 30d", "schedule": None}}, None),
        ({"examples": {"from": "orders", "target": "y", "label_delay": 3}}, "3 is not of type 'string', 'null'"),
    ],
)
def test_the_schema_of_a_model_tells_right_from_wrong(attributes: dict[str, object], message: str | None) -> None:
    from jsonschema import Draft202012Validator

    from mlops_assets.components import Model

    schema = Model.get_model_cls().model_json_schema()
    found = [error.message for error in Draft202012Validator(schema).iter_errors({"name": "m", "task": "regression", **attributes})]
    assert [message in text for text in found] == ([True] if message else [])  # type: ignore[operator]
