"""One declaration against the language: pydantic's findings as problems that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ValidationError

from mlops_assets.errors import nearest
from mlops_assets.spec.base import COLUMN_PATTERN, FUNCTION_PATTERN, NAME_PATTERN, parse_share
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.problems import KeyPath, Problem, in_order, spell
from mlops_assets.spec.reading.places import Place, is_union, key_names, mapping_member, place_of, plain
from mlops_assets.spec.yaml_lines import line_of, named_keys

S = TypeVar("S", bound=BaseModel)

_PATTERNS = {
    NAME_PATTERN: "a name: lower case, digits and underscores, starting with a letter",
    COLUMN_PATTERN: "a column name",
    FUNCTION_PATTERN: "a function: .module:function beside the defs.yaml, or package.module:function",
    r"^[0-9a-f]{64}$": "a SHA-256: 64 hexadecimal digits in lower case",
}
_KINDS = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "date_type": "a date such as 2026-01-31",
    "date_parsing": "a date such as 2026-01-31",
    "date_from_datetime_parsing": "a date such as 2026-01-31",
    "date_from_datetime_inexact": "a date such as 2026-01-31",
}


def validate_document(
    cls: type[S],
    attributes: Any,
    *,
    file: Path,
    line: int = 1,
    lines: Mapping[KeyPath, int] | None = None,
    shown: Any = None,
) -> tuple[S | None, list[Problem]]:
    """Read ``attributes`` as a ``cls``; every mistake becomes a problem, and there is no declaration if there is one.

    Args:
        cls: Dataset, FeatureView or Model.
        attributes: plain data, with the environment filled in.
        file: where it stands.
        line: line of the document, used for keys that ``lines`` does not know.
        lines: line of every key path.
        shown: the attributes as written, so that no message shows a value from the environment.
    """
    data = named_keys(attributes)
    try:
        return cls.model_validate(data), []
    except ValidationError as error:
        findings = error.errors(include_url=False)
    written = data if shown is None else named_keys(shown)
    problems = []
    for path, problem in _readable(cls, findings, written):
        at = line_of(lines or {}, path, line)
        problems.append(Problem(file=file, line=at, path=spell(path), **problem))
    return None, in_order(problems)


def _readable(cls: type[BaseModel], findings: Sequence[Any], data: Any) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    placed = [(finding, place_of(cls, finding["loc"])) for finding in findings]
    misspelt = set()
    for finding, place in placed:
        if finding["type"] == "extra_forbidden" and place.owner is not None:
            meant = nearest(str(place.path[-1]), key_names(place.owner))
            misspelt.add((*place.path[:-1], meant))
    unions: set[KeyPath] = set()
    for finding, place in placed:
        if finding["type"] == "missing" and place.path in misspelt:
            continue
        if place.union is not None:
            value = _value(data, place.union)
            member = mapping_member(place.choices) if isinstance(value, dict) else None
            if member is not None and member.__name__ != place.member:
                continue
            if member is None:
                if place.union not in unions:
                    unions.add(place.union)
                    yield place.union, {"found": f"found {_short(value)}, which is not {_describe(place.choices)}"}
                continue
        path = place.path
        if finding["type"] in ("value_error", "assertion_error"):
            path = _pointed(path, finding["msg"], data)
        yield path, _sentence(finding, place, _value(data, place.path))


def _describe(annotation: Any) -> str:
    """What may stand where this annotation is, in words."""
    if is_union(annotation) or (get_origin(annotation) is None and annotation is Any):
        return " or ".join(dict.fromkeys(_describe(a) for a in get_args(annotation) if a is not type(None))) or "valid"
    if get_origin(annotation) is Annotated:
        shares = any(isinstance(m, BeforeValidator) and m.func is parse_share for m in get_args(annotation)[1:])
        return "a share such as 5% or 0.05" if shares else _describe(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if annotation is Duration:
        return "a duration such as 12h, 7d or 3 months"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a mapping with {', '.join(key_names(annotation))}"
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    return names.get(annotation, "valid here")


def _sentence(finding: Any, place: Place, value: Any) -> dict[str, Any]:
    kind, context = finding["type"], finding.get("ctx", {})
    if kind == "missing":
        field = place.owner.model_fields.get(_field_name(place.owner, place.path[-1])) if place.owner else None
        about = f": {field.description.rstrip('.')}" if field is not None and field.description else ""
        return {"found": f"the key {place.path[-1]!r} is missing", "do": f"It is required{about}."}
    if kind == "extra_forbidden" and place.owner is not None:
        name, valid = str(place.path[-1]), key_names(place.owner)
        meant = nearest(name, valid)
        elsewhere = None if meant else _deeper(place.owner, name)
        return {
            "found": f"unknown key {name!r}",
            "valid": valid,
            "suggestion": meant,
            "do": f"It belongs under `{elsewhere}`." if elsewhere else None,
            "about": "key",
        }
    if kind in ("literal_error", "enum"):
        valid = tuple(str(v) for v in get_args(plain(place.annotation)))
        return {"found": f"found {_short(value)}", "valid": valid, "suggestion": nearest(str(value), valid)}
    if kind == "string_pattern_mismatch":
        what = _PATTERNS.get(context.get("pattern", ""), f"of the form {context.get('pattern')}")
        return {"found": f"{_short(value)} is not {what}"}
    if kind in ("value_error", "assertion_error"):
        message = re.sub(r"^(Value|Assertion) error, ", "", finding["msg"])
        return {"found": message, "suggestion": _meant(message)}
    if kind in _KINDS:
        annotated = place.annotation is not Any and kind in ("float_parsing", "float_type", "model_type")
        what = _describe(place.annotation) if annotated else _KINDS[kind]
        return {"found": f"found {_short(value)}, which is not {what}"}
    message = finding["msg"][:1].lower() + finding["msg"][1:]
    return {"found": f"found {_short(value)}: {message}"}


def _field_name(owner: type[BaseModel], key: str | int) -> str:
    return next((name for name, field in owner.model_fields.items() if key in (name, field.alias)), "")


def _deeper(owner: type[BaseModel], name: str) -> str | None:
    """Key of ``owner`` below which ``name`` would be valid."""
    for key, field in owner.model_fields.items():
        inner = plain(field.annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name in key_names(inner):
            return field.alias or key
    return None


def _meant(message: str) -> str | None:
    """The nearest of the names that a validator's message lists as valid."""
    match = re.search(r"'([^']+)'.*valid are (.+)$", message)
    return nearest(match.group(1), match.group(2).split(", ")) if match else None


def _pointed(path: KeyPath, message: str, data: Any) -> KeyPath:
    """The key that a message about a whole mapping speaks of first, if it is there."""
    value = _value(data, path)
    if isinstance(value, dict):
        for word in re.findall(r"[A-Za-z_]\w*", message):
            if word in value:
                return (*path, word)
    return path


def _value(data: Any, path: KeyPath) -> Any:
    for part in path:
        if isinstance(data, dict):
            data = data.get(str(part))
        elif isinstance(data, list):
            data = data[part] if isinstance(part, int) and part < len(data) else None
        else:
            break
    return data


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"a mapping ({', '.join(map(str, list(value)[:3]))})" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…'"
