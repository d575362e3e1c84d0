"""The OpenAPI document: made from the table of routes and from the signatures of the models that the reader may see."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.requests.open_inference import DATATYPES
from mlops_assets.serving.access import ROUTES, Route
from mlops_assets.version import __version__

if TYPE_CHECKING:
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.signature import Feature

Schema = dict[str, Any]

_INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
_TYPES: dict[str, Schema] = {
    "int64": {"type": "integer", "format": "int64", **_INT64},
    "float64": {"type": "number", "format": "double"},
    "bool": {"type": "boolean"},
    "category": {"type": "string"},
    "string": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
}
_NUMBER: Schema = {"type": "number"}
_PREDICTIONS: Schema = {"type": "array", "items": {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER}]}}

ERRORS: dict[str, str] = {
    "400": "The body is no JSON, or no model is named.",
    "401": "No valid key.",
    "403": "The key has not the role or the scope.",
    "404": "No such model or version is deployed here.",
    "405": "Another method.",
    "408": "The body did not arrive in time.",
    "413": "Too many rows, or too large a body.",
    "415": "The body is not JSON.",
    "422": "Rows that cannot be scored; every problem is listed by row and field.",
    "429": "Too many requests.",
    "500": "A version failed to score.",
    "503": "The model cannot answer now, looked-up features are too old or cannot be read, or too much waits.",
}
_BODY_ERRORS = ("400", "404", "408", "413", "415", "422", "500", "503")


def openapi(bundles: Mapping[str, Sequence[Bundle]]) -> dict[str, Any]:
    """The document.

    Args:
        bundles: by model, the live versions' bundles, the champion's first.
    """
    paths: dict[str, Any] = {}
    for route in ROUTES:
        if route.method == "POST" and "{model}" in route.path:
            for model, live in bundles.items():
                path = route.path.replace("{model}", model)
                paths.setdefault(path, {})[route.method.lower()] = _operation(route, model, live[0], live)
        else:
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, None, None, ())
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlops-assets prediction server", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _error(), "InferenceError": _inference_error()},
        },
    }


def _operation(route: Route, model: str | None, bundle: Bundle | None, live: Sequence[Bundle]) -> dict[str, Any]:
    fixed = {"model"} if model is not None else set()
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", route.path)
        if name not in fixed
    ]
    if route.name == "invocations":
        parameters.append({"name": "X-Model", "in": "header", "required": False, "schema": {"type": "string"}})
    operation: dict[str, Any] = {
        "operationId": f"{route.name}_{model}" if model else route.name,
        "summary": route.summary,
        "parameters": parameters,
        "responses": _responses(route, bundle),
        "security": [{"key": []}] if route.roles else [],
        "x-roles": [*route.roles, "admin"] if route.roles else [],
    }
    if route.method == "POST":
        schema = _request(route, bundle, live)
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _request(route: Route, bundle: Bundle | None, live: Sequence[Bundle]) -> Schema:
    if route.name == "invocations" or bundle is None:
        return {"type": "object"}
    row = _row(live)
    rows: Schema = {"type": "array", "items": row, "minItems": 1, "maxItems": 100}
    if route.name == "predict":
        return _object({"data": rows})
    if route.name == "model_invocations":
        return {
            "anyOf": [_object({name: rows}) for name in ("dataframe_records", "instances", "inputs")]
            + [_object({"dataframe_split": _split()})]
        }
    if route.name == "feedback":
        return _object({"outcomes": {"type": "array", "items": _outcome(bundle), "minItems": 1, "maxItems": 100}})
    return _inference_request(bundle)


def _row(live: Sequence[Bundle]) -> Schema:
    features = {feature.name: _feature(feature) for bundle in reversed(live) for feature in bundle.signature.features}
    keys = {name: {"type": ["string", "integer", "boolean", "null"]} for name in live[0].signature.entity if name not in features}
    return _object(features, keys)


def _feature(feature: Feature) -> Schema:
    schema = dict(_TYPES[feature.type])
    if feature.type == "datetime":
        schema["pattern"] = r"^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(Z|\+00:00)$"
    if feature.nullable:
        schema["type"] = [schema["type"], "null"]
    return schema


def _split() -> Schema:
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}
    return _object({"columns": names, "data": {"type": "array", "items": {"type": "array"}}}, {"index": {"type": "array"}})


def _outcome(bundle: Bundle) -> Schema:
    value: Schema = {"enum": list(bundle.classes)} if bundle.classes else {"type": "number"}
    form = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
    return _object({"prediction_id": {"type": "string", "pattern": form}, "outcome": value})


def _inference_request(bundle: Bundle) -> Schema:
    tensor = _object(
        {
            "name": {"enum": bundle.signature.names},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"enum": sorted(set(DATATYPES.values()))},
            "data": {"type": "array"},
        },
        {"parameters": {"type": "object"}},
    )
    schema = _object(
        {"inputs": {"type": "array", "items": tensor, "minItems": 1}}, {"id": {"type": "string"}, "parameters": {"type": "object"}}
    )
    schema["properties"]["outputs"] = {"type": "array", "items": {"type": "object"}}
    return schema


def _responses(route: Route, bundle: Bundle | None) -> dict[str, Any]:
    error = "#/components/schemas/InferenceError" if route.path.startswith("/v2") else "#/components/schemas/Error"
    status = "202" if route.name == "feedback" else "200"
    responses: dict[str, Any] = {status: {"description": "The answer.", "content": _answer(route)}}
    codes = ["405"]
    if route.roles:
        codes += ["401", "403", "429"]
    if route.method == "POST":
        codes += _BODY_ERRORS
    elif "{model}" in route.path:
        codes += ["404", "503"]
    for code in sorted(set(codes)):
        responses[code] = {"description": ERRORS[code], "content": {"application/json": {"schema": {"$ref": error}}}}
    if route.name in ("ready", "v2_ready"):
        responses["503"] = {"description": "Not ready.", "content": _answer(route)}
    return responses


def _answer(route: Route) -> dict[str, Any]:
    text = {"version": "text/plain", "metrics": "text/plain", "page": "text/html"}.get(route.name)
    if text is not None:
        return {text: {"schema": {"type": "string"}}}
    return {"application/json": {"schema": _ANSWERS.get(route.name, {"type": "object"})}}


def _error() -> Schema:
    problem = _object({"row": {"type": ["integer", "null"]}, "field": {"type": ["string", "null"]}, "message": {"type": "string"}})
    inner = _object(
        {"code": {"type": "string"}, "message": {"type": "string"}},
        {"count": {"type": "integer"}, "problems": {"type": "array", "items": problem}},
    )
    return _object({"error": inner})


def _inference_error() -> Schema:
    return {"type": "object", "properties": {"error": {"type": "string"}, "code": {"type": "string"}}, "required": ["error"]}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_ANSWERS: dict[str, Schema] = {
    "predict": _object(
        {
            "predictions": _PREDICTIONS,
            "model": {"type": "string"},
            "version": {"type": ["integer", "null"]},
            "prediction_ids": {"type": "array", "items": {"type": "string"}},
        },
        {"versions": {"type": "array", "items": {"type": "integer"}}, "classes": {"type": "array"}, "features": {"type": "object"}},
    ),
    "feedback": _object({"accepted": {"type": "integer"}}),
    "invocations": _object({"predictions": _PREDICTIONS}),
    "model_invocations": _object({"predictions": _PREDICTIONS}),
    "models": _object({"schema": {"const": 1}, "models": {"type": "array", "items": {"type": "object"}}}),
    "ready": _object({"ready": {"type": "boolean"}}),
    "v2_ready": _object({"ready": {"type": "boolean"}}),
    "v2_live": _object({"live": {"type": "boolean"}}),
    "v2_infer": {"type": "object", "required": ["model_name", "model_version", "outputs"]},
    "v2_version_infer": {"type": "object", "required": ["model_name", "model_version", "outputs"]},
}
