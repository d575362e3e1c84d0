"""One row has one number, whoever asks for it: the server in three protocols, MLflow's loader, and batch scores."""

from __future__ import annotations

import mlflow
import pytest

from mlops_assets.lifecycle.champions import bundle_of_version
from mlops_assets.monitoring.columns import SCORE
from tests.monitoring_assets.conftest import WEEKS, Loop
from tests.serving.projects import Project, start

DATATYPES = {"int64": "INT64", "float64": "FP64"}


def test_server_mlflow_and_batch_scores_give_the_same_number_to_the_last_bit(watched: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = watched.workspace
    scores = workspace.store.read(workspace.store.current("churn/scores", WEEKS[-1])).to_pandas().head(25)
    expected = scores[SCORE].tolist()
    assert len(set(expected)) > 5
    bundle = bundle_of_version(workspace, workspace.ledger.state("churn").versions[1])
    rows, names = bundle.json_rows(scores), bundle.signature.names
    types = {feature.name: DATATYPES.get(feature.type, "BYTES") for feature in bundle.signature.features}
    project = Project(watched.project)
    key = project.key("caller")
    server = start(project)
    try:
        with server.client(key) as client:
            own = client.post("/models/churn/predict", json={"data": rows}).json()["predictions"]
            alone = [client.post("/models/churn/predict", json={"data": [row]}).json()["predictions"][0] for row in rows]
            split = {"columns": list(names), "data": [list(row.values()) for row in rows]}
            invoked = client.post("/invocations", json={"dataframe_split": split}).json()["predictions"]
            tensors = [
                {"name": name, "shape": [len(rows)], "datatype": kind, "data": [row[name] for row in rows]} for name, kind in types.items()
            ]
            inferred = client.post("/v2/models/churn/infer", json={"inputs": tensors}).json()["outputs"][0]["data"]
    finally:
        code = server.stop()
    assert code == 0, server.log.read_text()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", workspace.settings.mlflow_tracking_uri)
    mlflow.set_tracking_uri(workspace.settings.mlflow_tracking_uri)
    try:
        loaded = mlflow.pyfunc.load_model("models:/churn/1").predict(scores[list(names)])
    finally:
        mlflow.set_tracking_uri(None)
    for found in (own, alone, invoked, inferred, list(loaded)):
        assert found == expected
