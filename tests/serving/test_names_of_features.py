"""Features may be called anything: what passes the gates is loaded by the server and answers in every form, and its journal is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from mlops_assets.data.training_sets.training_set import load_training_set
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.estimators.lightgbm import _safe
from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates import GateContext, judge_one
from mlops_assets.modeling.requests.forms import FORMS
from mlops_assets.modeling.requests.reader import RowReader
from mlops_assets.registry.pyfunc import BundleModel
from mlops_assets.serving.compaction import compact
from mlops_assets.serving.scoring import make_scorer
from mlops_assets.spec.gates import Gate
from mlops_assets.spec.model import Model
from tests.serving.projects import Project, Running, people, start

SPECIAL = ['say "hi"', "back\\slash", "two\nlines", "a\ttab", "\x01control", "nul\x00"]
ODD = [" lead", "trail ", "\N{GRINNING FACE}", "<b>", "{x}", "a/b", "__proto__", "prediction_ids", "data", "it's", "\u2028", "f0", "inputs"]
KINDS = ("float64", "category", "int64", "bool", "date", "datetime")
COLUMNS = {"float64": "income", "category": "job", "int64": "age", "bool": "member", "date": "born", "datetime": "seen"}


def named(names: list[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """People whose columns stand under these names too, a type each in turn."""
    frame = people()
    kinds = {name: KINDS[place % len(KINDS)] for place, name in enumerate(names)}
    return frame.assign(**{name: frame[COLUMNS[kind]] for name, kind in kinds.items()}), kinds


def judged(bundle: Bundle, project: Project) -> GateResult:
    model = Model.model_validate({"name": "m", "task": bundle.task, "examples": {"from": "t", "target": "target"}})
    manifest = project.store.manifest("m/training_set", None, bundle.provenance.training_set)
    context = GateContext(model, bundle, load_training_set(manifest, project.store), None, None, project.folder, 7)
    return judge_one(context, "consistency", Gate.model_validate({"gate": "consistency"}))


@dataclass
class Named:
    project: Project
    bundle: Bundle
    server: Running
    key: str
    frame: pd.DataFrame

    @property
    def client(self) -> httpx.Client:
        return self.server.client(self.key)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Named]:
    project = Project(tmp_path_factory.mktemp("named"))
    frame, kinds = named([*SPECIAL, *ODD])
    bundle = project.trained(features=kinds, frame=frame)
    project.promoted(bundle)
    key = project.key("caller", "viewer")
    server = start(project)
    yield Named(project, bundle, server, key, frame.tail(40).reset_index(drop=True))
    server.stop()


def test_the_gate_passes_what_the_server_serves(served: Named) -> None:
    result = judged(served.bundle, served.project)
    assert result.status == "pass", result.detail


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_every_form_answers_as_a_batch(served: Named, form: Any) -> None:
    body, header = form.write(RowReader(served.bundle), served.bundle.json_rows(served.frame))
    path = "/v2/models/m/infer" if "tensors" in form.name else "/models/m/predict" if "data," in f"{form.name}," else "/invocations"
    headers = {"content-type": "application/json"} | ({"inference-header-content-length": header.decode()} if header else {})
    with served.client as client:
        answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    found = document["outputs"][0]["data"] if "outputs" in document else document["predictions"]
    assert found == served.bundle.predict(served.frame).tolist()


def test_a_wrong_value_is_named_by_row_and_field(served: Named) -> None:
    rows = served.bundle.json_rows(served.frame.head(2))
    rows[1]['say "hi"'] = "much"
    del rows[1]["two\nlines"]
    with served.client as client:
        error = client.post("/models/m/predict", json={"data": rows}).json()["error"]
    assert [(p["row"], p["field"]) for p in error["problems"]] == [(1, 'say "hi"'), (1, "two\nlines")]


def test_the_document_of_the_routes_the_metrics_and_the_models_can_be_read(served: Named) -> None:
    with served.client as client:
        described = client.get("/openapi.json").json()
        body = described["paths"]["/models/m/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert list(body["properties"]["data"]["items"]["required"]) == served.bundle.signature.names
        assert [f["name"] for f in client.get("/models/m").json()["features"]] == served.bundle.signature.names
        assert [f["name"] for f in client.get("/v2/models/m").json()["inputs"]] == served.bundle.signature.names
        assert client.get("/metrics").status_code == 200


def test_answers_are_journaled_and_compacted_under_these_names(tmp_path: Any) -> None:
    project = Project(tmp_path)
    frame, kinds = named([*SPECIAL, *ODD])
    bundle = project.trained(features=kinds, frame=frame)
    project.promoted(bundle)
    key = project.key("caller")
    server = start(project)
    try:
        rows = bundle.json_rows(frame.head(3))
        with server.client(key) as client:
            answer = client.post("/models/m/predict", content=json.dumps({"data": rows}))
        assert answer.status_code == 200, answer.text
        time.sleep(0.3)
    finally:
        server.stop()
    (done,) = compact(project.settings.journal, project.store).partitions
    stored = project.store.read(project.store.current("m/predictions", done.partition)).to_pandas()
    stored = stored.set_index("__prediction_id").loc[answer.json()["prediction_ids"]]
    assert stored["__score"].tolist() == bundle.predict(frame.head(3)).tolist()
    np.testing.assert_array_equal(bundle.predict(stored), bundle.predict(frame.head(3)))


def test_mlflows_loader_scores_them(served: Named) -> None:
    found = BundleModel(served.bundle).predict(served.frame[list(reversed(served.bundle.signature.names))])
    np.testing.assert_array_equal(found, served.bundle.predict(served.frame))


@pytest.mark.parametrize("name", [*SPECIAL, *ODD])
@pytest.mark.parametrize("estimator", ["lightgbm", "sklearn.linear_model.LogisticRegression"])
def test_each_name_alone_is_judged_and_loaded(project: Project, name: str, estimator: str) -> None:
    frame, kinds = named([name])
    declared = {"lightgbm": {"num_boost_round": 3}} if estimator == "lightgbm" else {"sklearn": estimator}
    bundle = project.trained(features=kinds | {"age": "int64"}, frame=frame, estimator=declared)
    assert judged(bundle, project).status == "pass"
    scorer = make_scorer(bundle, frame)
    usual = "single_row" if estimator == "lightgbm" else "thread"
    assert scorer.path == ("booster" if name in SPECIAL and usual == "single_row" else usual)


def test_a_model_that_the_server_could_not_load_is_red_and_says_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was when the decoder's type could not be made."""
    bundle = project.trained()

    def refuse(reader: RowReader) -> Any:
        raise ValueError("Renamed field names must not contain quotation marks")

    monkeypatch.setattr(RowReader, "struct", property(refuse))
    monkeypatch.setattr(RowReader, "decode", property(refuse))
    result = judged(bundle, project)
    assert result.status == "fail"
    assert "Renamed field names must not contain" in result.detail


def test_a_bundle_whose_files_were_altered_is_red(project: Project) -> None:
    bundle = project.trained()
    (bundle.folder / "model.txt").write_text((bundle.folder / "model.txt").read_text() + " ")
    result = judged(bundle, project)
    assert result.status == "fail"
    assert "A server could not load it" in result.detail
    assert "model.txt was altered" in result.detail


@pytest.mark.parametrize(
    "names",
    [
        ["a b", "a_b"],
        ["a__2", "a_", "a!"],
        ["x", "x?", "x!", "x_", "x__3"],
        ['"', "\\", "\n", "\t"],
        ["\N{GRINNING FACE}", "\N{PILE OF POO}"],
    ],
)
def test_names_inside_the_trees_differ(names: list[str]) -> None:
    assert len(set(_safe(names))) == len(names)


def test_harmless_names_stand_in_the_trees_as_they_are() -> None:
    assert _safe(["age", "a.b-c", "größe", "x y", "x_y"]) == ["age", "a.b-c", "größe", "x_y", "x_y_4"]
