"""Requests against a running server: the forms agree to the last bit, and everything wrong has its defined answer."""

from __future__ import annotations

import json
import struct
import time
from typing import Any

import httpx
import mlflow.pyfunc
import pytest

from mlops_assets.modeling.bundle import Bundle
from mlops_assets.registry.pyfunc import _load_pyfunc
from tests.serving.conftest import Deployment
from tests.serving.projects import TYPES, json_rows, people

MODELS = ("m", "levels", "linear", "amount")
DATATYPES = {"int64": "INT64", "float64": "FP64", "bool": "BOOL"}


@pytest.fixture(scope="module")
def client(deployed: Deployment) -> Any:
    with deployed.server.client(deployed.key) as client:
        yield client


def tensors(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [len(rows)], "datatype": DATATYPES.get(kind, "BYTES"), "data": [row[name] for row in rows]}
        for name, kind in TYPES.items()
    ]


def split(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("count", [1, 3, 200])
def test_all_forms_give_the_bundles_numbers_to_the_last_bit(deployed: Deployment, client: httpx.Client, model: str, count: int) -> None:
    bundle = deployed.bundles[model]
    frame = people().tail(count).reset_index(drop=True)
    rows = bundle.json_rows(frame)
    expected = bundle.predict(frame).tolist()
    assert _load_pyfunc(str(bundle.folder)).predict(frame).tolist() == expected
    own = client.post(f"/models/{model}/predict", json={"data": rows}).json()
    assert own["predictions"] == expected
    assert (own["model"], own["version"], len(set(own["prediction_ids"]))) == (model, 1, count)
    columns = {name: [row[name] for row in rows] for name in TYPES}
    positional = [[row[name] for name in TYPES] for row in rows]
    for body in (
        {"dataframe_split": split(rows)},
        {"dataframe_records": rows},
        {"inputs": rows},
        {"inputs": columns},
        {"instances": rows},
        {"instances": positional},
        {"inputs": {name: [[v] for v in column] for name, column in columns.items()}, "params": {"any": 1}},
    ):
        for path, headers in ((f"/models/{model}/invocations", {}), ("/invocations", {"X-Model": model})):
            answer = client.post(path, json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.json()["predictions"] == expected
    for path in (f"/v2/models/{model}/infer", f"/v2/models/{model}/versions/1/infer"):
        answer = client.post(path, json={"id": "7", "inputs": tensors(rows)})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert (document["id"], document["model_name"], document["model_version"]) == ("7", model, "1")
        output = document["outputs"][0]
        flat = [n for row in expected for n in row] if model == "levels" else expected
        assert (output["name"], output["datatype"], output["data"]) == ("predictions", "FP64", flat)


def test_mlflows_own_reading_of_a_logged_bundle_gives_the_same_number(deployed: Deployment, client: httpx.Client, tmp_path: Any) -> None:
    bundle = deployed.bundles["m"]
    frame = people().tail(5).reset_index(drop=True)
    mlflow.pyfunc.save_model(str(tmp_path / "model"), loader_module="mlops_assets.registry.pyfunc", data_path=str(bundle.folder))
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(frame[list(TYPES)])
    answer = client.post("/models/m/predict", json={"data": bundle.json_rows(frame)})
    assert answer.json()["predictions"] == list(loaded)


def test_binary_tensors_as_tritons_client_sends_them(deployed: Deployment, client: httpx.Client) -> None:
    bundle = deployed.bundles["m"]
    rows = json_rows(bundle, 4)
    inputs, binary = [], b""
    for tensor in tensors(rows):
        data = tensor.pop("data")
        if tensor["datatype"] == "BYTES":
            texts = [(text or "unheard of").encode() for text in data]
            content = b"".join(struct.pack("<I", len(text)) + text for text in texts)
        elif tensor["datatype"] == "FP64":
            content = struct.pack("<4d", *[float("nan") if n is None else n for n in data])
        else:
            content = struct.pack({"INT64": "<4q", "BOOL": "<4?"}[tensor["datatype"]], *data)
        inputs.append({**tensor, "shape": [4, 1], "parameters": {"binary_data_size": len(content)}})
        binary += content
    header = json.dumps({"inputs": inputs, "outputs": [{"name": "predictions", "parameters": {"binary_data": True}}]}).encode()
    answer = client.post(
        "/v2/models/m/infer",
        content=header + binary,
        headers={"Inference-Header-Content-Length": str(len(header)), "content-type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text
    asked = [{**row, "job": row["job"] or "unheard of"} for row in rows]
    assert [output["data"] for output in answer.json()["outputs"]] == [bundle.predict_rows(asked).tolist()]


def test_metadata_of_the_open_inference_protocol(deployed: Deployment, client: httpx.Client) -> None:
    public = deployed.server.client()
    assert public.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert public.get("/v2/health/live").json() == {"live": True}
    assert public.get("/v2/health/ready").json() == {"ready": True}
    described = client.get("/v2/models/levels").json()
    assert described["versions"] == ["1"]
    assert [tensor["name"] for tensor in described["inputs"]] == list(TYPES)
    assert described["outputs"][0]["shape"] == [-1, 3]
    assert client.get("/v2/models/levels/ready").json()["ready"] is True
    assert client.get("/v2/models/levels/versions/1/ready").status_code == 200
    missing = client.get("/v2/models/levels/versions/2")
    assert missing.status_code == 404
    assert isinstance(missing.json()["error"], str), "the protocol wants a text"


def test_mlflows_scoring_client_works_unchanged(deployed: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    bundle = deployed.bundles["m"]
    frame = people().tail(10).reset_index(drop=True)[list(TYPES)]
    frame["seen"] = frame["seen"].map(lambda moment: moment.isoformat())
    frame["born"] = frame["born"].map(str)
    frame["income"] = frame["income"].astype(object).where(frame["income"].notna(), None)
    # It has no place for a header: the key is the URL's password, and that it is for one model alone says which.
    host, _, port = deployed.server.url.removeprefix("http://").partition(":")
    scoring = ScoringServerClient(f"key:{deployed.key_for_m}@{host}", int(port))
    scoring.wait_server_ready()
    assert scoring.get_version() == mlflow.__version__
    found = scoring.invoke(frame).get_predictions()
    assert found.iloc[:, 0].tolist() == bundle.predict(people().tail(10)).tolist()
    with pytest.raises(Exception, match="error code 401"):
        ScoringServerClient(f"key:wrong@{host}", int(port)).invoke(frame)


@pytest.mark.parametrize(
    ("change", "status", "field", "said"),
    [
        ({"age": ...}, 422, "age", "is missing"),
        ({"age": None}, 422, "age", "is null"),
        ({"age": 1.5}, 422, "age", "needs a whole number, found 1.5"),
        ({"age": 2**63}, 422, "age", "64 bit"),
        ({"age": "33"}, 422, "age", "needs a whole number, found text"),
        ({"age": True}, 422, "age", "found true or false"),
        ({"income": [1]}, 422, "income", "found a list"),
        ({"job": 3}, 422, "job", "needs text, found a number"),
        ({"member": 1}, 422, "member", "needs true or false"),
        ({"seen": "2026-01-01T00:00:00"}, 422, "seen", "time zone"),
        ({"seen": "yesterday"}, 422, "seen", "needs a moment"),
        ({"born": "2026-13-01"}, 422, "born", "needs a date"),
        ({"jobb": "x"}, 422, "jobb", "did you mean 'job'"),
        ({"person": 1.5}, 422, "person", "number with a fraction; a key needs text, a whole number"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_found_and_what_is_valid(
    deployed: Deployment, client: httpx.Client, change: dict[str, Any], status: int, field: str, said: str
) -> None:
    rows = json_rows(deployed.bundles["m"], 3)
    rows[1].update(change)
    rows[1] = {name: value for name, value in rows[1].items() if value is not ...}
    answer = client.post("/models/m/predict", json={"data": rows})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == "invalid_rows"
    assert [(p["row"], p["field"]) for p in error["problems"]] == [(1, field)]
    assert said in error["problems"][0]["message"]


def test_all_problems_of_a_request_are_told_together(deployed: Deployment, client: httpx.Client) -> None:
    rows = json_rows(deployed.bundles["m"], 3)
    rows[0]["age"], rows[2]["member"], rows[2]["born"] = "x", None, 3
    error = client.post("/models/m/predict", json={"data": [*rows, 7]}).json()["error"]
    assert [(p["row"], p["field"]) for p in error["problems"]] == [(0, "age"), (2, "member"), (2, "born"), (3, None)]
    assert error["count"] == 4


def test_what_is_missing_or_unknown_but_allowed_is_scored_as_training_defined_it(deployed: Deployment, client: httpx.Client) -> None:
    bundle = deployed.bundles["m"]
    row = {**json_rows(bundle, 1)[0], "income": None, "job": "astronaut", "age": 40.0}
    assert client.post("/models/m/predict", json={"data": [row]}).json()["predictions"] == bundle.predict_rows([row]).tolist()


@pytest.mark.parametrize(
    ("path", "content", "status", "code"),
    [
        ("/models/m/predict", b"not json", 400, "malformed"),
        ("/models/m/predict", b"", 400, "malformed"),
        ("/models/m/predict", b'{"data": [{"age": NaN}]}', 422, "invalid_rows"),
        ("/models/m/predict", b'{"data": {}}', 422, "invalid_rows"),
        ("/models/m/predict", b'{"data": [], "more": 1}', 422, "invalid_rows"),
        ("/models/m/predict", b"[]", 422, "invalid_structure"),
        ("/models/m/predict", b'{"data": []}', 422, "no_rows"),
        ("/models/m/predict", b'{"data": [' + b"0," * 500 + b"0]}", 413, "too_many_rows"),
        ("/models/m/predict", b" " * 600_000, 413, "body_too_large"),
        ("/models/other/predict", b"{}", 404, "unknown_model"),
        ("/models/m/invocations", b'{"dataframe_split": {"columns": ["age", "age"], "data": []}}', 422, "invalid_structure"),
        ("/models/m/invocations", b'{"inputs": [], "instances": []}', 422, "invalid_structure"),
        ("/models/m/invocations", b'{"instances": [[1, 2]]}', 422, "invalid_rows"),
        ("/invocations", b'{"inputs": []}', 400, "which_model"),
        ("/nothing", b"{}", 404, "not_found"),
        ("/models", b"{}", 405, "method_not_allowed"),
    ],
)
def test_what_is_wrong_with_a_request_as_a_whole_has_a_code(
    client: httpx.Client, path: str, content: bytes, status: int, code: str
) -> None:
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_body_in_pieces_is_held_to_the_limit_too(client: httpx.Client) -> None:
    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 10_000

    assert client.post("/models/m/predict", content=pieces()).status_code == 413


def test_another_content_type_is_refused_and_curls_default_is_taken(deployed: Deployment, client: httpx.Client) -> None:
    content = json.dumps({"data": json_rows(deployed.bundles["m"], 1)}).encode()
    refused = client.post("/models/m/predict", content=content, headers={"content-type": "text/csv"})
    assert refused.status_code == 415
    taken = client.post("/models/m/predict", content=content, headers={"content-type": "application/x-www-form-urlencoded"})
    assert taken.status_code == 200


def test_feedback_takes_outcomes_by_prediction_id_and_refuses_what_cannot_be_one(deployed: Deployment, client: httpx.Client) -> None:
    bundle = deployed.bundles["m"]
    made = client.post("/models/m/predict", json={"data": json_rows(bundle, 2)}).json()["prediction_ids"]
    right = [{"prediction_id": one, "outcome": True} for one in made]
    answer = client.post("/models/m/feedback", json={"outcomes": right})
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2})
    wrong = [{"prediction_id": "x", "outcome": True}, {"prediction_id": made[0], "outcome": 1}, {"prediction_id": made[0], "x": 1}, 5]
    problems = client.post("/models/m/feedback", json={"outcomes": wrong}).json()["error"]["problems"]
    assert [(p["row"], p["field"]) for p in problems] == [(0, "prediction_id"), (1, "outcome"), (2, "x"), (2, "outcome"), (3, None)]
    levels = client.post("/models/levels/feedback", json={"outcomes": [{"prediction_id": made[0], "outcome": "none"}]})
    assert "high, low, mid" in levels.json()["error"]["problems"][0]["message"]


def test_status_says_which_path_scores_and_how_many_rows_it_agreed_on(client: httpx.Client) -> None:
    listed = {one["model"]: one["variants"][0] for one in client.get("/models").json()["models"]}
    assert {model: variant["path"] for model, variant in listed.items()} == {
        "m": "single_row",
        "levels": "single_row",
        "amount": "single_row",
        "linear": "thread",
    }
    assert all(variant["compared_rows"] > 150 and variant["note"] == "" for variant in listed.values())
    detail = client.get("/models/m").json()
    assert detail["entity"] == ["person"]
    assert [feature["name"] for feature in detail["features"]] == list(TYPES)


def test_metrics_count_requests_errors_latency_and_the_journal(deployed: Deployment, client: httpx.Client) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    client.post("/models/m/predict", json={"data": json_rows(deployed.bundles["m"], 3)})
    client.post("/models/m/predict", content=b"x")
    time.sleep(0.3)
    samples = {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for s in family.samples
    }
    labels = (("model", "m"), ("variant", "champion"), ("version", "1"))
    assert samples["mlops_predictions_total", labels] >= 3
    assert samples["mlops_prediction_seconds_count", labels] >= 1
    assert samples["mlops_request_errors_total", (("kind", "malformed"), ("route", "predict"))] >= 1
    assert samples["mlops_journal_lines_total", ()] >= 3
    assert samples["mlops_journal_dropped_total", ()] == 0
    assert samples["mlops_model_path", (("model", "linear"), ("path", "thread"), ("version", "1"))] == 1
    assert samples["mlops_workers", ()] == 1


def test_one_bad_request_among_many_never_changes_anothers_answer(deployed: Deployment, client: httpx.Client) -> None:
    from concurrent.futures import ThreadPoolExecutor

    bundle: Bundle = deployed.bundles["linear"]
    rows = json_rows(bundle, 60)
    expected = bundle.predict_rows(rows).tolist()

    def ask(index: int) -> Any:
        row = {**rows[index], "age": "bad"} if index % 3 == 0 else rows[index]
        answer = client.post("/models/linear/predict", json={"data": [row]})
        return answer.json().get("predictions", answer.status_code)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(60)))
    assert found == [422 if index % 3 == 0 else [expected[index]] for index in range(60)]


def test_the_page_and_the_document(deployed: Deployment, client: httpx.Client) -> None:
    page = deployed.server.client().get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text.replace("http-equiv", ""), "it loads nothing from elsewhere"
    document = client.get("/openapi.json").json()
    row = document["paths"]["/models/m/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"][
        "items"
    ]
    assert row["properties"]["age"]["type"] == "integer"
    assert row["required"] == list(TYPES)


def test_a_head_request_has_no_body(client: httpx.Client) -> None:
    answer = client.head("/health/live")
    assert (answer.status_code, answer.content) == (200, b"")
