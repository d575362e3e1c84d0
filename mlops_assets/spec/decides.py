"""What each field of a declaration decides: a mark on the field says it, and the digests of parts of a declaration read the marks.

A mark names digests: the kinds of assets of the declaration whose code version the field moves, and :data:`ROWS`. A field without a mark
enters every digest, and a digest that no mark names holds the whole declaration: what was forgotten changes too much, never too little.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import get_args

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


Mark = Decides | DecidesNothing | EachDecides


def mark_of(field: FieldInfo) -> Mark | None:
    """The mark of a field; None where nobody decided."""
    return next((said for said in field.metadata if isinstance(said, Mark)), None)


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


def _named(cls: type[BaseModel]) -> Iterator[str]:
    for field in cls.model_fields.values():
        mark = mark_of(field)
        if isinstance(mark, Decides):
            yield from mark.digests
        elif isinstance(mark, EachDecides):
            yield from _named(inner_spec(field))
