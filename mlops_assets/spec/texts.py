"""Texts in a definition that are more than text, such as SQL or the name of a function: found by the types of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mlops_assets.spec.problems import KeyPath


def texts_of(spec: BaseModel, marker: type) -> Iterator[tuple[KeyPath, str]]:
    """Values in ``spec`` of fields whose type carries ``marker``, with the paths of their keys, as they are written."""
    for name, key, marked in _places(type(spec), marker):
        value = getattr(spec, name)
        if marked:
            if value is not None:
                yield (key,), value
        elif isinstance(value, BaseModel):
            yield from (((key, *path), text) for path, text in texts_of(value, marker))
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield from (((key, number, *path), text) for path, text in texts_of(item, marker))


def keys_of(cls: type[BaseModel], marker: type) -> set[str]:
    """Keys in ``cls``, and in all that it may hold, of fields whose type carries ``marker``."""
    found = {key for _, key, marked in _places(cls, marker) if marked}
    return found.union(*(keys_of(inner, marker) for field in cls.model_fields.values() for inner in _specs_in(field.annotation)))


def specs_below(cls: type[BaseModel]) -> set[type[BaseModel]]:
    """Every kind of spec that a ``cls`` may hold, at any depth."""
    inner = {spec for field in cls.model_fields.values() for spec in _specs_in(field.annotation)}
    return inner.union(*map(specs_below, inner))


@cache
def _places(cls: type[BaseModel], marker: type) -> tuple[tuple[str, str, bool], ...]:
    """Name and key of the fields of ``cls`` that carry ``marker``, and of those that hold specs with such fields; which of both it is."""
    return tuple(
        (name, field.alias or name, marked)
        for name, field in cls.model_fields.items()
        if (marked := _carries(field, marker)) or any(keys_of(inner, marker) for inner in _specs_in(field.annotation))
    )


def _carries(field: FieldInfo, marker: type) -> bool:
    return any(isinstance(said, marker) for said in (*field.metadata, *_metadata_in(field.annotation)))


def _metadata_in(annotation: Any) -> Iterator[Any]:
    yield from getattr(annotation, "__metadata__", ())
    for part in get_args(annotation):
        yield from _metadata_in(part)


def _specs_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _specs_in(part)
