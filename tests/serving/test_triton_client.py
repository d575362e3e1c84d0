"""Triton's own client against the running server; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.serving.conftest import Deployment
from tests.serving.projects import TYPES, json_rows

http = pytest.importorskip("tritonclient.http")

DATATYPES = {"int64": ("INT64", np.int64), "float64": ("FP64", np.float64), "bool": ("BOOL", np.bool_)}


@pytest.mark.parametrize("binary", [True, False])
def test_its_calls_work_unchanged(deployed: Deployment, binary: bool) -> None:
    bundle = deployed.bundles["m"]
    rows = [{**row, "job": row["job"] or "none", "income": row["income"] or 1.0} for row in json_rows(bundle, 5)]
    client = http.InferenceServerClient(deployed.server.url.removeprefix("http://"))
    headers = {"Authorization": f"Bearer {deployed.key}"}
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "mlops-assets"
    assert client.is_model_ready("m", headers=headers)
    assert client.get_model_metadata("m", headers=headers)["versions"] == ["1"]
    inputs = []
    for name, kind in TYPES.items():
        datatype, dtype = DATATYPES.get(kind, ("BYTES", np.object_))
        tensor = http.InferInput(name, [5], datatype)
        tensor.set_data_from_numpy(np.array([row[name] for row in rows], dtype=dtype), binary_data=binary)
        inputs.append(tensor)
    answer = client.infer("m", inputs, request_id="9", headers=headers)
    assert answer.as_numpy("predictions").tolist() == bundle.predict_rows(rows).tolist()
    assert answer.get_response()["id"] == "9"
    with pytest.raises(http.InferenceServerException, match="income"):
        client.infer("m", [tensor for tensor in inputs if tensor.name() != "income"], headers=headers)
