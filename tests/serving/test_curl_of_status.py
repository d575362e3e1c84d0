"""The command that `mlops status` prints for the champion, pasted into a real shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from mlops_assets.cli.main import app
from mlops_assets.data.training_sets.training_set import load_training_set
from mlops_assets.lifecycle.asking import curl
from mlops_assets.modeling.bundle import Bundle, Provenance
from mlops_assets.modeling.training import train
from mlops_assets.serving.online import open_online, publish
from mlops_assets.spec.model import Model
from tests.serving.projects import LIGHTGBM, TYPES, Project, people, start
from tests.serving.test_features_by_entity import DEFINITIONS, view

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

ODD = {"O'Brien's größe": "float64", "$(echo no) `x` !!": "int64", "Straße & <b>": "category", "何": "category"}
VALUES = ["it's", 'say "hi"', "back\\slash \\n", "`date` $HOME !1", "naïve\u2028", "line\nbreak"]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MLOPS_")]:
        monkeypatch.delenv(name)


def status(project: Project, *words: str) -> Any:
    result = CliRunner().invoke(app, ["status", "m", "--project", str(project.folder), *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def pasted(text: str, shell: str = "bash", **environment: str) -> dict[str, Any]:
    """What the server answers to the one command in ``text``."""
    (command,) = [line for line in text.splitlines() if line.strip().startswith("curl ")]
    done = subprocess.run([shell, "-c", command], capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def odd_bundle(project: Project) -> Bundle:
    """A champion whose features have names and values that a shell would like to read."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"person": np.arange(600), "O'Brien's größe": random.normal(size=600), "$(echo no) `x` !!": np.arange(600) % 7})
    frame["Straße & <b>"] = [VALUES[number % len(VALUES)] for number in range(600)]
    frame["何"] = [VALUES[(number + 1) % len(VALUES)] for number in range(600)]
    frame["__target"] = frame["O'Brien's größe"] + random.normal(size=600) > 0
    frame["__split"] = np.where(np.arange(600) < 400, "train", "holdout")
    facts = {"features": [{"name": n, "type": t} for n, t in ODD.items()], "target": "t", "entity": ["person"], "carried": [], "seed": 0}
    manifest = project.store.write("m/training_set", None, pa.Table.from_pandas(frame, preserve_index=False), facts=facts)
    body = {"name": "m", "task": "binary_classification", "examples": {"from": "t", "target": "t"}, "training": {"estimator": LIGHTGBM}}
    provenance = Provenance("m", None, "s" * 64, {}, manifest.digest, "1", "test", 1.0, 7)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        trained = train(Model.model_validate(body), load_training_set(manifest, project.store), folder, provenance, threads=1)
        tree = project.store.put_tree("bundles", folder)
        project.store.set_pointer(f"bundles/{trained.bundle.digest}", {"tree": tree})
        trained.bundle.save(project.folder / "kept")
    return Bundle.load(project.folder / "kept")


def test_with_odd_names_and_values_the_pasted_command_gets_the_prediction_of_that_row(project: Project) -> None:
    bundle = odd_bundle(project)
    project.promoted(bundle)
    before = json.loads(status(project, "--json"))["example"]
    assert (before["runs"], before["url"]) == (False, "http://127.0.0.1:8000")
    key = project.key("caller")
    server = start(project)
    try:
        text = status(project)
        assert server.url in text
        assert '-H "Authorization: Bearer $KEY"' in text
        row = json.loads(status(project, "--json"))["example"]["row"]
        assert list(row) == list(ODD)
        assert [value for value in row.values() if isinstance(value, str) and value in VALUES]
        for shell in ("bash", "sh"):
            answer = pasted(text, shell, KEY=key)
            assert answer["predictions"] == bundle.predict_rows([row]).tolist()
        assert pasted(text, KEY="wrong")["error"]["code"] == "unauthorized"
    finally:
        server.stop()
    assert server.url not in status(project), "no link to what has ended"


def test_every_value_comes_through_a_shell_as_it_is(tmp_path: Path) -> None:
    row = dict(zip("abcdef", VALUES, strict=True)) | {'it\'s \\ "x" \\\\': None, "\\'": True}
    command = curl("http://nowhere", row, key=False)
    (tmp_path / "curl").write_text('#!/bin/sh\nfor last; do :; done\nprintf "%s" "$last"\n')
    (tmp_path / "curl").chmod(0o755)
    for shell in filter(shutil.which, ("bash", "sh", "dash", "zsh", "fish")):
        told = subprocess.run(
            [shell, "-c", command], capture_output=True, check=True, env={**os.environ, "PATH": f"{tmp_path}:/bin:/usr/bin"}
        )
        assert json.loads(told.stdout) == {"data": [row]}, shell


def test_where_no_key_is_asked_for_none_is_shown(project: Project) -> None:
    bundle = project.trained()
    project.promoted(bundle)
    server = start(project, serve_anonymous=True)
    try:
        text = status(project)
        assert "Authorization" not in text
        assert len(pasted(text)["predictions"]) == 1
    finally:
        server.stop()


def test_a_model_without_a_champion_has_no_such_command(project: Project) -> None:
    project.registered(project.trained())
    assert "curl" not in status(project)


@pytest.fixture
def looking_up(project: Project) -> Project:
    """A model whose features are looked up by entity, and published just now."""
    (project.folder / "definitions" / "m").mkdir()
    (project.folder / "definitions" / "m" / "defs.yaml").write_text(DEFINITIONS)
    project.promoted(project.trained())
    rows = pa.Table.from_pandas(people()[["person", *TYPES]], preserve_index=False)
    with closing(open_online(project.settings.online_url)) as online:
        publish(online, view("body"), rows.select(["person", "age", "income", "member"]), datetime.now(UTC) - timedelta(hours=1))
        publish(online, view("habits"), rows.select(["person", "job", "seen", "born"]), datetime.now(UTC) - timedelta(hours=1))
    return project


def test_a_model_that_looks_features_up_is_asked_by_entity(looking_up: Project) -> None:
    key = looking_up.key("caller")
    server = start(looking_up)
    try:
        example = json.loads(status(looking_up, "--json"))["example"]
        assert (example["by_entity"], list(example["row"])) == (True, ["person"])
        assert len(pasted(status(looking_up), KEY=key)["predictions"]) == 1
    finally:
        server.stop()


def test_an_entity_that_is_personal_data_is_not_shown(looking_up: Project) -> None:
    file = looking_up.folder / "definitions" / "m" / "defs.yaml"
    file.write_text(file.read_text().replace("person: {type: int64}", "person: {type: int64, pii: true}"))
    example = json.loads(status(looking_up, "--json"))["example"]
    assert (example["by_entity"], list(example["row"])) == (False, list(TYPES))
