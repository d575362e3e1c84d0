"""Where in the language something stands: from pydantic's location of a finding to the keys that a person wrote."""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from mlops_assets.spec.problems import KeyPath


@dataclass(frozen=True)
class Place:
    """Where in the language a finding stands.

    Attributes:
        path: the keys and numbers of items that lead there.
        annotation: what may stand there.
        owner: the spec that has the last key; None at the top.
        union: path of the innermost choice between types on the way; None where there is none.
        member: the type of that choice that the finding is about, by pydantic's name.
        choices: that choice.
    """

    path: KeyPath
    annotation: Any
    owner: type[BaseModel] | None
    union: KeyPath | None
    member: str | None
    choices: Any


def key_names(cls: type[BaseModel]) -> tuple[str, ...]:
    """Keys that a mapping of this kind may have, as they are written in YAML."""
    return tuple(field.alias or name for name, field in cls.model_fields.items())


def place_of(cls: type[BaseModel], loc: Sequence[str | int]) -> Place:
    """Follow pydantic's location through the language; its tags for the members of a union are no keys."""
    path: list[str | int] = []
    annotation: Any = cls
    owner: type[BaseModel] | None = None
    union: KeyPath | None = None
    member: str | None = None
    choices: Any = None
    for part in loc:
        annotation = plain(annotation)
        if is_union(annotation):
            union, member, choices = tuple(path), str(part), annotation
            annotation = next((a for a in get_args(annotation) if getattr(plain(a), "__name__", None) == part), Any)
            continue
        if part == "[key]":
            continue
        path.append(part)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            owner = annotation
            field = next((f for name, f in owner.model_fields.items() if part in (name, f.alias)), None)
            annotation = field.annotation if field else Any
            if field is not None and field.metadata:
                annotation = Annotated[annotation, *field.metadata]
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        elif get_origin(annotation) in (tuple, list):
            annotation = get_args(annotation)[0]
        else:
            annotation = Any
    return Place(tuple(path), annotation, owner, union, member, choices)


def plain(annotation: Any) -> Any:
    """Without metadata and without None."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        if len(rest) == 1:
            return plain(rest[0])
        if len(rest) < len(get_args(annotation)):
            return Union[tuple(rest)]  # noqa: UP007
    return annotation


def is_union(annotation: Any) -> bool:
    """Whether it is a choice between types."""
    return get_origin(annotation) in (Union, types.UnionType)


def mapping_member(choices: Any) -> type[BaseModel] | None:
    """The spec among ``choices``, which is what a mapping can only be meant as; None where there is none."""
    members = [plain(a) for a in get_args(choices)]
    return next((m for m in members if isinstance(m, type) and issubclass(m, BaseModel)), None)
