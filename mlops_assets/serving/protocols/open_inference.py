"""The Open Inference Protocol, version 2, over REST, with the binary tensors that Triton's clients send.

https://github.com/kserve/open-inference-protocol; how binary tensors stand behind the JSON is Triton's "binary tensor data extension". One
input tensor a feature (and, where wanted, one a part of the entity's key), each of shape [rows] or [rows, 1]. A null among JSON data and
a NaN among binary floats is a missing value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.errors import RequestError, invalid_rows, invalid_structure
from mlops_assets.serving.requests import Reply, readiness
from mlops_assets.serving.rows import read_document
from mlops_assets.version import __version__

if TYPE_CHECKING:
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.serving.bodies import Bodies
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.predicting import Predictor, Scored
    from mlops_assets.serving.requests import Call, Handler

DATATYPES = {
    "int64": "INT64",
    "float64": "FP64",
    "bool": "BOOL",
    "category": "BYTES",
    "string": "BYTES",
    "datetime": "BYTES",
    "date": "BYTES",
}
OUTPUTS = ("predictions", "prediction_ids", "versions")
PREFIX = "/v2"
"""Where its paths begin."""

_BINARY = {
    "BOOL": ("?", 1),
    "INT8": ("b", 1),
    "INT16": ("h", 2),
    "INT32": ("i", 4),
    "INT64": ("q", 8),
    "UINT8": ("B", 1),
    "UINT16": ("H", 2),
    "UINT32": ("I", 4),
    "UINT64": ("Q", 8),
    "FP16": ("e", 2),
    "FP32": ("f", 4),
    "FP64": ("d", 8),
}


@dataclass(frozen=True)
class Inference:
    """A request: its rows, the outputs that it wants (all, if none is named), and its own id.

    ``plain`` says that no number of the rows is NaN or infinite.
    """

    rows: list[dict[str, Any]]
    plain: bool
    outputs: tuple[str, ...]
    id: str | None


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
        inference = read_inference(body, call.header(b"inference-header-content-length"))
        rows = deployed.champion.served.scorer.reader.rows(inference.rows, inference.plain and deployed.uniform)
        return Reply(answer(deployed.model, await self._predictor.score(call, deployed, rows, pinned), inference))


def error_document(error: RequestError) -> dict[str, Any]:
    """An error as the protocol wants it: a text under the key error."""
    return {"error": error.message, **{key: value for key, value in error.to_json()["error"].items() if key != "message"}}


def read_inference(body: bytes, header_length: bytes | None) -> Inference:
    """Read a request.

    Raises:
        RequestError: 400 or 422, with all problems of its tensors.
    """
    binary = b""
    if header_length is not None:
        if not header_length.isdigit() or int(header_length) > len(body):
            raise RequestError(400, "malformed", "Inference-Header-Content-Length is not the length of a header in this body.")
        binary, body = body[int(header_length) :], body[: int(header_length)]
    whole = not binary
    document, plain = read_document(body)
    if not isinstance(document, Mapping) or not isinstance(document.get("inputs"), list) or not document["inputs"]:
        raise invalid_structure("The body needs an object with inputs, a list of tensors.")
    request_id = document.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise invalid_structure("id needs text.")
    problems: list[InputProblem] = []
    columns: dict[str, list[Any]] = {}
    for tensor in document["inputs"]:
        if not isinstance(tensor, Mapping) or not isinstance(tensor.get("name"), str):
            raise invalid_structure("Each input needs a name.")
        name = tensor["name"]
        if name in columns:
            problems.append(InputProblem(None, name, "is given twice"))
        try:
            columns[name], binary = _values(tensor, binary)
        except ValueError as error:
            problems.append(InputProblem(None, name, str(error)))
    if problems:
        raise invalid_rows(problems)
    if len({len(values) for values in columns.values()}) != 1:
        raise invalid_structure("The inputs need the same number of rows.")
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return Inference(rows, plain and whole, _outputs(document.get("outputs")), request_id)


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


def _values(tensor: Mapping[str, Any], binary: bytes) -> tuple[list[Any], bytes]:
    """The values of a tensor, and the binary data that is left for the next ones."""
    shape, datatype = tensor.get("shape"), tensor.get("datatype")
    if not isinstance(shape, list) or not shape or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in shape):
        raise ValueError("needs a shape: a list of whole numbers")
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(f"needs the shape [rows] or [rows, 1], found {shape[:5]}")
    if datatype not in _BINARY and datatype != "BYTES":
        raise ValueError(f"needs a datatype; valid are {', '.join((*_BINARY, 'BYTES'))}")
    parameters = tensor.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, Mapping) else None
    if size is None:
        data = tensor.get("data")
        if not isinstance(data, list):
            raise ValueError("needs data: a list")
        values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]
    else:
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(binary):
            raise ValueError("has a binary_data_size that is not in the body")
        values, binary = _unpacked(binary[:size], datatype), binary[size:]
    if len(values) != shape[0]:
        raise ValueError(f"has {len(values)} values, and its shape says {shape[0]}")
    return values, binary


def _unpacked(content: bytes, datatype: str) -> list[Any]:
    if datatype == "BYTES":
        values: list[Any] = []
        while content:
            if len(content) < 4 or (length := int.from_bytes(content[:4], "little")) > len(content) - 4:
                raise ValueError("has binary data that is cut off")
            try:
                values.append(content[4 : 4 + length].decode())
            except UnicodeDecodeError:
                raise ValueError("has text that is not UTF-8") from None
            content = content[4 + length :]
        return values
    letter, width = _BINARY[datatype]
    if len(content) % width:
        raise ValueError("has binary data that is cut off")
    numbers = list(struct.unpack(f"<{len(content) // width}{letter}", content))
    return [None if isinstance(n, float) and math.isnan(n) else n for n in numbers]


def _outputs(wanted: Any) -> tuple[str, ...]:
    if wanted is None or wanted == []:
        return OUTPUTS
    if not isinstance(wanted, list) or not all(isinstance(o, Mapping) and isinstance(o.get("name"), str) for o in wanted):
        raise invalid_structure("outputs needs a list of objects with a name.")
    names = tuple(output["name"] for output in wanted)
    if unknown := [name for name in names if name not in OUTPUTS]:
        raise invalid_structure(f"There is no output {unknown[0][:50]!r}; valid are {', '.join(OUTPUTS)}.")
    return names
