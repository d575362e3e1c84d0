"""Single values of a definition that are compared with data: a number, a boolean or a text, and how it is written in the file.

YAML reads ``Yes`` as true, ``1.10`` as 1.1 and ``010`` as 8. Where such a value stands for a text of the data, its own text counts. A
:class:`Written` has both: it compares and calculates as the value, and ``str()`` gives the text. Definitions that are built in
Python have plain values there.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

import yaml
from pydantic import PlainSerializer, WrapValidator

_PLAIN_TEXT = re.compile(r"[^\W_]([\w .+/%()-]*[\w.+/%()-])?")

Plain = bool | int | float | str


class Written:
    """A value that YAML read from an unquoted text, with that text."""

    text: str

    def __new__(cls, value: Any, text: str) -> Any:
        made = super().__new__(cls, value)  # type: ignore[call-arg]
        made.text = text
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (plain(self), self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


class WrittenInt(Written, int):
    """A whole number with its text, such as ``010``."""


class WrittenFloat(Written, float):
    """A number with its text, such as ``1.10``."""


class WrittenBool(Written, int):
    """True or false as 1 or 0 with its text, such as ``Yes``; Python's own ``bool`` cannot have a text beside it."""


class WrittenNull:
    """Nothing, as YAML reads ``~`` and ``null``, with its text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def written(value: Any, text: str) -> Any:
    """The value together with its text; text itself, and what is no single value, as it is."""
    if value is None:
        return WrittenNull(text) if text else None
    if isinstance(value, bool):
        return WrittenBool(value, text)
    if isinstance(value, int):
        return WrittenInt(value, text)
    return WrittenFloat(value, text) if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """The value without its text, as Python's own type."""
    if isinstance(value, WrittenBool):
        return value != 0
    if isinstance(value, WrittenInt):
        return int.__int__(value)
    if isinstance(value, WrittenFloat):
        return float.__float__(value)
    return None if isinstance(value, WrittenNull) else value


def as_text(value: Any) -> Any:
    """The text that a boolean or nothing is written as; anything else as it is."""
    return value.text if isinstance(value, WrittenBool | WrittenNull) else value


def in_yaml(value: Any, *, quoted: bool = False) -> str:
    """A value as it is written in a definition: plain text where YAML takes it as one word or number, else in quotes.

    Args:
        value: text, a number or a boolean.
        quoted: put quotes around every text, also where it would do without.
    """
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if not isinstance(value, str) or (not quoted and _PLAIN_TEXT.fullmatch(text) and text.lower() != "null"):
        return text
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))).strip()


class ComparedWithData:
    """Mark of a value whose own text counts."""


def _keep(value: Any, validate: Any) -> Any:
    """The value with its text; infinities and NaN without one as text, since JSON has no word for them."""
    if isinstance(value, float) and not isinstance(value, Written) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, Written) else validate(plain(value))


def _serialized(value: Any) -> Any:
    """The value as YAML reads it, unless another text would read alike: older definitions keep their digests."""
    bare = plain(value)
    return value.text if isinstance(value, WrittenInt | WrittenFloat) and str(bare) != value.text else bare


Scalar = Annotated[
    Plain, WrapValidator(_keep, json_schema_input_type=Plain | None), PlainSerializer(_serialized, return_type=Plain), ComparedWithData()
]
"""A value that is compared with data."""
