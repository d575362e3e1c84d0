"""The bodies that the server takes rows in, each read as the server reads it, and written as its clients do."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mlops_assets.modeling.requests.documents import read_document
from mlops_assets.modeling.requests.invocations import read_invocation
from mlops_assets.modeling.requests.open_inference import DATATYPES, Inference, read_inference
from mlops_assets.modeling.requests.own import read_own
from mlops_assets.modeling.requests.reader import RowReader, Rows

PlainRows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Form:
    """One form of a request.

    Attributes:
        name: for messages.
        write: from the reader of a bundle and plain rows to a body, and the length of the JSON before binary tensors where there are.
        read: from such a body to rows, as the server does.
    """

    name: str
    write: Callable[[RowReader, PlainRows], tuple[bytes, bytes | None]]
    read: Callable[[RowReader, bytes, bytes | None], Rows]


def read_invocation_rows(reader: RowReader, body: bytes, *, typable: bool = True) -> Rows:
    """Rows of a body of MLflow's protocol; ``typable``: all live versions take them alike.

    Raises:
        RequestError: 400 or 422.
    """
    document, plain = read_document(body)
    return reader.rows(read_invocation(document, reader.names), plain and typable)


def read_inference_rows(reader: RowReader, body: bytes, header: bytes | None, *, typable: bool = True) -> tuple[Rows, Inference]:
    """Rows of a body of the Open Inference Protocol, and what else it asks for; ``header``: Inference-Header-Content-Length.

    Raises:
        RequestError: 400 or 422.
    """
    inference = read_inference(body, header)
    return reader.rows(inference.rows, inference.plain and typable), inference


def read_own_rows(reader: RowReader, body: bytes) -> Rows:
    """Rows of a body of the server's own protocol.

    Raises:
        RequestError: 400 or 422.
    """
    try:
        return Rows(reader.decode(body).data, True)
    except ValueError:
        return Rows(read_own(read_document(body)[0]), False)


def _own(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    return msgspec.json.encode({"data": rows}), None


def _escaped(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    return json.dumps({"data": rows}, indent=1).encode(), None


def _split(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    data = [[row[name] for name in reader.names] for row in rows]
    return json.dumps({"dataframe_split": {"columns": list(reader.names), "data": data}}).encode(), None


def _records(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    return json.dumps({"dataframe_records": rows}, ensure_ascii=False).encode(), None


def _lists(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    return msgspec.json.encode({"inputs": [[row[name] for name in reader.names] for row in rows]}), None


def _columns(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    return msgspec.json.encode({"instances": {name: [row[name] for row in rows] for name in reader.names}}), None


def _tensors(reader: RowReader, rows: PlainRows) -> tuple[bytes, None]:
    inputs = [_tensor(f.name, f.type, [row[f.name] for row in rows]) for f in reader.signature.features]
    return msgspec.json.encode({"inputs": inputs}), None


def _binary_tensors(reader: RowReader, rows: PlainRows) -> tuple[bytes, bytes]:
    """Numbers with fractions as binary data, where NaN is a missing value; the others as JSON."""
    inputs, binary = [], b""
    for feature in reader.signature.features:
        values = [row[feature.name] for row in rows]
        tensor = _tensor(feature.name, feature.type, values)
        if feature.type == "float64":
            del tensor["data"]
            tensor["parameters"] = {"binary_data_size": 8 * len(values)}
            binary += struct.pack(f"<{len(values)}d", *(float("nan") if value is None else value for value in values))
        inputs.append(tensor)
    header = msgspec.json.encode({"inputs": inputs})
    return header + binary, str(len(header)).encode()


def _tensor(name: str, kind: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES[kind], "shape": [len(values)], "data": values}


def _read_own(reader: RowReader, body: bytes, header: bytes | None) -> Rows:
    return read_own_rows(reader, body)


def _read_invocation(reader: RowReader, body: bytes, header: bytes | None) -> Rows:
    return read_invocation_rows(reader, body)


def _read_inference(reader: RowReader, body: bytes, header: bytes | None) -> Rows:
    return read_inference_rows(reader, body, header)[0]


OWN = Form("data", _own, _read_own)
FORMS = (
    OWN,
    Form("data, escaped and over several lines", _escaped, _read_own),
    Form("dataframe_split", _split, _read_invocation),
    Form("dataframe_records", _records, _read_invocation),
    Form("inputs", _lists, _read_invocation),
    Form("instances", _columns, _read_invocation),
    Form("tensors", _tensors, _read_inference),
    Form("binary tensors", _binary_tensors, _read_inference),
)
