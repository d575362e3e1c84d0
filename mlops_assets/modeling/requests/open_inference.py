"""Rows of the Open Inference Protocol, version 2, over REST, with the binary tensors that Triton's clients send.

https://github.com/kserve/open-inference-protocol; how binary tensors stand behind the JSON is Triton's "binary tensor data extension". One
input tensor a feature (and, where wanted, one a part of the entity's key), each of shape [rows] or [rows, 1]. A null among JSON data and
a NaN among binary floats is a missing value.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_assets.modeling.requests.documents import read_document
from mlops_assets.modeling.requests.errors import RequestError, invalid_rows, invalid_structure
from mlops_assets.modeling.signature import InputProblem

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
