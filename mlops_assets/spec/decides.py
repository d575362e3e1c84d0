"""What each field of a declaration decides: a mark on the field says it, and the digests of parts of a declaration read the marks.

A mark names digests: the kinds of assets of the declaration whose code version the field moves, and :data:`ROWS`. A field without a mark
enters every digest, and a digest that no mark names holds the whole declaration: what was forgotten changes too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROWS = "rows"
"""The digest of what decides which rows of a data set are stored, and how; the others have the names of kinds of assets."""


class Decides:
    """The digests of its declaration that a field enters, with all that stands below it."""

    def __init__(self, *digests: str) -> None:
        self.digests = digests


class DecidesNothing:
    """A field that enters no digest of a part of its declaration, and why that is right."""

    def __init__(self, why: str) -> None:
        self.why = why


class EachDecides:
    """A field that holds a spec whose own fields have marks, since they decide different things."""


class WhenSet:
    """Beside another mark: a field that the language got later. Its default enters no digest, so that older definitions keep theirs."""


Mark = Decides | DecidesNothing | EachDecides


def mark_of(field: FieldInfo) -> Mark | None:
    """The mark of a field; None where nobody decided."""
    return next((said for said in field.metadata if isinstance(said, Mark)), None)


def without_later_defaults(value: Any) -> Any:
    """A spec as plain JSON, without the fields marked :class:`WhenSet` that have their default."""
    if isinstance(value, BaseModel):
        dumped = value.model_dump(mode="json", by_alias=True)
        return {
            field.alias or name: _plain(value, name, dumped) for name, field in type(value).model_fields.items() if _counts(value, name)
        }
    if isinstance(value, Mapping):
        return {key: without_later_defaults(inner) for key, inner in value.items()}
    return [without_later_defaults(inner) for inner in value]


def inner_spec(field: FieldInfo) -> type[BaseModel]:
    """The spec that a field marked :class:`EachDecides` holds.

    Raises:
        TypeError: when it holds a list, a mapping or several kinds of things, whose fields have no key of their own.
    """
    choices = [choice for choice in get_args(field.annotation) or (field.annotation,) if choice is not type(None)]
    if len(choices) != 1 or not isinstance(choices[0], type) or not issubclass(choices[0], BaseModel):
        raise TypeError(f"{field.annotation} is not one spec, so its fields cannot decide each for itself")
    return choices[0]


@cache
def deciding(cls: type[BaseModel], digest: str) -> tuple[str, ...] | None:
    """Keys of ``cls`` that decide ``digest``, as they are written and dotted for nested ones; None: all that there are."""
    return _keys(cls, digest) if digest in set(_named(cls)) else None


def _keys(cls: type[BaseModel], digest: str) -> tuple[str, ...] | None:
    keys: list[str] = []
    whole = True
    for name, field in cls.model_fields.items():
        key, below = field.alias or name, _below(field, digest)
        if below is None:
            keys.append(key)
        else:
            whole = False
            keys += [f"{key}.{inner}" for inner in below]
    return None if whole else tuple(keys)


def _below(field: FieldInfo, digest: str) -> tuple[str, ...] | None:
    """Which keys below a field enter ``digest``; None: the field as it is."""
    mark = mark_of(field)
    if isinstance(mark, EachDecides):
        return _keys(inner_spec(field), digest)
    return None if mark is None or (isinstance(mark, Decides) and digest in mark.digests) else ()


def _counts(spec: BaseModel, name: str) -> bool:
    """Whether a field enters the digests: it is set to something else than its default, or was always there."""
    field = type(spec).model_fields[name]
    later = any(isinstance(said, WhenSet) for said in field.metadata)
    return not later or getattr(spec, name) != field.get_default(call_default_factory=True)


def _plain(spec: BaseModel, name: str, dumped: Mapping[str, Any]) -> Any:
    value, key = getattr(spec, name), type(spec).model_fields[name].alias or name
    return without_later_defaults(value) if _holds_specs(value) else dumped[key]


def _holds_specs(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_specs(inner) for inner in value.values())
    return isinstance(value, BaseModel) or (isinstance(value, tuple) and any(_holds_specs(inner) for inner in value))


def _named(cls: type[BaseModel]) -> Iterator[str]:
    for field in cls.model_fields.values():
        mark = mark_of(field)
        if isinstance(mark, Decides):
            yield from mark.digests
        elif isinstance(mark, EachDecides):
            yield from _named(inner_spec(field))
