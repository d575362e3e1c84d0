"""Gives scalars their own text, as it stands in the file, wherever the language takes text or compares a value with data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from mlops_assets.spec.base import OneOrMany
from mlops_assets.spec.columns import TEXTS
from mlops_assets.spec.problems import KeyPath
from mlops_assets.spec.reading.places import is_union
from mlops_assets.spec.scalars import ComparedWithData, Written, plain, written

_OTHERWISE = re.compile(r"[-+]?0[0-7_]+|[-+]?\d[\d_]*(:\d+)+")
"""Octal numbers and those to the base of 60."""


def with_own_texts(cls: type[BaseModel], attributes: Any, texts: Mapping[KeyPath, str]) -> Any:
    """The same attributes with :class:`~mlops_assets.spec.scalars.Written` values where they are compared with data, and texts where
    only text may stand.

    Args:
        cls: Dataset, FeatureView or Model.
        attributes: plain data, with text for keys.
        texts: text of every unquoted scalar that YAML did not read as text, by its path.
    """
    return _own(cls, attributes, (), texts) if texts else attributes


def misread(attributes: Any, texts: Mapping[KeyPath, str]) -> Iterator[tuple[KeyPath, str]]:
    """Numbers that are others than they look: YAML reads ``010`` as 8 and ``12:30`` as 750. Only where the number counts, not the text."""
    for path, text in texts.items():
        value = _at(attributes, path)
        beside = _at(attributes, path[:-2]) if len(path) > 2 else None
        counts = isinstance(beside, dict) and beside.get("type") not in TEXTS if isinstance(value, Written) else not isinstance(value, str)
        if counts and _OTHERWISE.fullmatch(text) and value != _in_plain_digits(text):
            yield path, f"YAML reads {text} as {plain(value)}"


def _in_plain_digits(text: str) -> int | None:
    return None if ":" in text else int(text)


@cache
def key_types(cls: type[BaseModel]) -> dict[str, Any]:
    """What may stand under each key of a spec, with what is said about it."""
    return {field.alias or name: Annotated[field.annotation, *field.metadata, None] for name, field in cls.model_fields.items()}


def only_text(annotation: Any) -> bool:
    """Whether a single value there can be nothing but text."""
    choices = [*_choices(annotation)]
    return bool(choices) and all(choice is str or OneOrMany in said for choice, said in choices)


def only_texts(annotation: Any) -> bool:
    """Whether a list may stand there, of texts and nothing else."""
    lists = [get_args(choice)[0] for choice, _ in _choices(annotation) if get_origin(choice) in (tuple, list)]
    return bool(lists) and all(only_text(item) for item in lists)


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else data[int(part)] if isinstance(data, list) else None
    return data


def _own(annotation: Any, data: Any, path: KeyPath, texts: Mapping[KeyPath, str]) -> Any:
    choices = [*_choices(annotation)]
    if isinstance(data, dict):
        for choice, _ in choices:
            if isinstance(choice, type) and issubclass(choice, BaseModel):
                fields = key_types(choice)
                return {key: _own(fields.get(key, Any), inner, (*path, key), texts) for key, inner in data.items()}
            if get_origin(choice) is dict:
                return {key: _own(get_args(choice)[1], inner, (*path, key), texts) for key, inner in data.items()}
        return data
    if isinstance(data, list):
        items = next((get_args(choice)[0] for choice, _ in choices if get_origin(choice) in (tuple, list)), Any)
        return [_own(items, inner, (*path, number), texts) for number, inner in enumerate(data)]
    if path not in texts or (data is None and not isinstance(path[-1], int)):
        return data
    if any(isinstance(said, ComparedWithData) for _, metadata in choices for said in metadata):
        return written(data, texts[path])
    return texts[path] if data is not None and only_text(annotation) else data


def _choices(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The types that may stand there, without None, each with what is said about it."""
    if get_origin(annotation) is Annotated:
        inner, *said = get_args(annotation)
        yield from _choices(inner, (*metadata, *said))
    elif is_union(annotation):
        for choice in get_args(annotation):
            yield from _choices(choice, metadata)
    elif annotation is not type(None):
        yield annotation, metadata
