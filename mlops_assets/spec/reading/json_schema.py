"""JSON Schema of a declaration as it may be written in YAML: what editors and `dg check yaml` hold a file against.

It accepts whatever the language accepts: short forms, keys left empty, ``{{ env.NAME }}`` in place of any single value,
and the key ``off``, which a reader of YAML 1.1 takes for a boolean. What needs a look at several keys is left to `mlops check`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mlops_assets.spec.reading.own_texts import key_types, only_text, only_texts
from mlops_assets.spec.texts import specs_below
from mlops_assets.spec.yaml_lines import KEYS_READ_AS_BOOLEANS

_TEMPLATE: dict[str, Any] = {"type": "string", "pattern": r"\{\{.*\}\}"}


def written_schema(cls: type[BaseModel]) -> dict[str, Any]:
    """The schema of ``cls`` (Dataset, FeatureView or Model), with its definitions under ``$defs``."""
    schema: dict[str, Any] = _written(cls.model_json_schema())
    for spec in {cls, *specs_below(cls)}:
        _let_unquoted_text_pass(spec, schema if spec is cls else schema["$defs"][spec.__name__])
    return schema


def _written(node: Any) -> Any:
    if isinstance(node, list):
        return [_written(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    result = {key: _written(inner) for key, inner in node.items() if key not in ("properties", "$defs")}
    for key in ("properties", "$defs"):
        if key in node:
            result[key] = {name: _written(inner) for name, inner in node[key].items()}
    if "properties" in node:
        _name_boolean_keys(result)
    return _templated(_conditional(result))


def _let_unquoted_text_pass(cls: type[BaseModel], node: dict[str, Any]) -> None:
    """Where nothing but text may stand, what is not quoted passes: its own text counts."""
    for key, annotation in key_types(cls).items():
        kept = node["properties"][key]
        place = kept.get("items", {}) if only_texts(annotation) else kept if only_text(annotation) else {}
        if place.get("type") in ("string", ["string", "null"]) and "pattern" not in place:
            kinds = place["type"]
            place["type"] = [*([kinds] if isinstance(kinds, str) else kinds), "integer", "number", "boolean"]


def _name_boolean_keys(node: dict[str, Any]) -> None:
    """Let keys that YAML reads as booleans pass; unknown keys are named together with the valid ones."""
    booleans = [value for name, value in KEYS_READ_AS_BOOLEANS.items() if name in node["properties"]]
    if booleans and node.get("additionalProperties") is False:
        del node["additionalProperties"]
        node["propertyNames"] = {"enum": [*node["properties"], *booleans]}


def _conditional(node: dict[str, Any]) -> dict[str, Any]:
    """A choice between plain types and one other thing as a condition, so that a mistake is told of that thing and not of the choice."""
    choices = node.get("anyOf", [])
    plain = [choice["type"] for choice in choices if set(choice) == {"type"}]
    rest = [choice for choice in choices if set(choice) != {"type"}]
    if not plain or len(rest) > 1:
        return node
    about = {key: value for key, value in node.items() if key != "anyOf"}
    if not rest:
        return {**about, "type": plain}
    return {**about, "if": {"type": plain}, "else": rest[0]}


def _templated(node: dict[str, Any]) -> dict[str, Any]:
    """Let a reference to the environment stand for a single value that is not any text."""
    single = node.get("type") in ("integer", "number", "boolean") or "enum" in node or "const" in node
    if single or (node.get("type") == "string" and "pattern" in node and node != _TEMPLATE):
        about: dict[str, Any] = {key: node[key] for key in ("title", "description", "default") if key in node}
        return {**about, "if": dict(_TEMPLATE), "else": {key: value for key, value in node.items() if key not in about}}
    return node
