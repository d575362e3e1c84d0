"""Routes of the Open Inference Protocol, version 2, over REST; :mod:`mlops_assets.modeling.requests.open_inference` reads its bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.requests.forms import read_inference_rows
from mlops_assets.modeling.requests.open_inference import DATATYPES
from mlops_assets.serving.requests import Reply, readiness
from mlops_assets.version import __version__

if TYPE_CHECKING:
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.requests.errors import RequestError
    from mlops_assets.modeling.requests.open_inference import Inference
    from mlops_assets.serving.bodies import Bodies
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.predicting import Predictor, Scored
    from mlops_assets.serving.requests import Call, Handler

PREFIX = "/v2"
"""Where its paths begin."""


class OpenInference:
    """Routes of the protocol."""

    def __init__(self, follower: Follower, predictor: Predictor, bodies: Bodies) -> None:
        self._follower = follower
        self._predictor = predictor
        self._bodies = bodies

    def handlers(self) -> Mapping[str, Handler]:
        """Route -> what answers it."""
        return {
            "v2": self._server,
            "v2_live": self._live,
            "v2_ready": self._ready,
            "v2_model": self._model,
            "v2_version": self._model,
            "v2_model_ready": self._model_ready,
            "v2_version_ready": self._model_ready,
            "v2_infer": self._infer,
            "v2_version_infer": self._infer,
        }

    async def _server(self, call: Call) -> Reply:
        return Reply(msgspec.json.encode(server_metadata()))

    async def _live(self, call: Call) -> Reply:
        return Reply(b'{"live":true}')

    async def _ready(self, call: Call) -> Reply:
        return readiness(self._follower.ready)

    async def _model(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        variant = deployed.named(call.parts.get("version")) or deployed.champion
        versions = [other.served.number for other in deployed.answering()]
        return Reply(msgspec.json.encode(model_metadata(deployed.model, variant.served.scorer.bundle, versions)))

    async def _model_ready(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        deployed.named(call.parts.get("version"))
        return Reply(msgspec.json.encode({"name": deployed.model, "ready": True}))

    async def _infer(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        pinned = deployed.named(call.parts.get("version"))
        body = await self._bodies.read(call)
        reader = deployed.champion.served.scorer.reader
        rows, inference = read_inference_rows(reader, body, call.header(b"inference-header-content-length"), typable=deployed.uniform)
        return Reply(answer(deployed.model, await self._predictor.score(call, deployed, rows, pinned), inference))


def error_document(error: RequestError) -> dict[str, Any]:
    """An error as the protocol wants it: a text under the key error."""
    return {"error": error.message, **{key: value for key, value in error.to_json()["error"].items() if key != "message"}}


def answer(model: str, scored: Scored, inference: Inference) -> bytes:
    """The answer; its tensors are JSON."""
    first = scored.predictions[0]
    rows = len(scored.predictions)
    several = isinstance(first, list)
    tensors = {
        "predictions": {
            "name": "predictions",
            "datatype": "FP64",
            "shape": [rows, len(first)] if several else [rows],
            "data": [number for row in scored.predictions for number in row] if several else scored.predictions,
        },
        "prediction_ids": {"name": "prediction_ids", "datatype": "BYTES", "shape": [rows], "data": scored.ids},
        "versions": {"name": "versions", "datatype": "INT64", "shape": [rows], "data": scored.versions},
    }
    document: dict[str, Any] = {
        "model_name": model,
        "model_version": "" if scored.version is None else str(scored.version),
        "outputs": [tensors[name] for name in inference.outputs],
    }
    if inference.id is not None:
        document["id"] = inference.id
    return msgspec.json.encode(document)


def server_metadata() -> dict[str, Any]:
    """What the protocol says of a server."""
    return {"name": "mlops-assets", "version": __version__, "extensions": ["binary_tensor_data"]}


def model_metadata(model: str, bundle: Bundle, versions: Sequence[int]) -> dict[str, Any]:
    """What the protocol says of a model. The platform is the kind of estimator."""
    features = [{"name": f.name, "datatype": DATATYPES[f.type], "shape": [-1]} for f in bundle.signature.features]
    classes = [len(bundle.classes)] if bundle.task == "multiclass_classification" else []
    return {
        "name": model,
        "versions": [str(version) for version in versions],
        "platform": f"mlops_{bundle.kind}",
        "inputs": features,
        "outputs": [
            {"name": "predictions", "datatype": "FP64", "shape": [-1, *classes]},
            {"name": "prediction_ids", "datatype": "BYTES", "shape": [-1]},
            {"name": "versions", "datatype": "INT64", "shape": [-1]},
        ],
    }
