"""What every model of the language shares: frozen, closed to unknown keys, and scalar types of its own."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
COLUMN_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.\-]*$"
FUNCTION_PATTERN = r"^(\.?[A-Za-z_][\w]*(\.[A-Za-z_]\w*)*):[A-Za-z_]\w*$"

_SHARE = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*%\s*$")


class Spec(BaseModel):
    """Base of every declared thing: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def parse_share(value: Any) -> Any:
    """Turn ``5%`` into ``0.05``; numbers pass through unchanged.

    Raises:
        ValueError: for text that is neither a percentage nor a number.
    """
    if isinstance(value, str):
        if match := _SHARE.match(value):
            return float(match.group(1)) / 100
        try:
            return float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a share; write 5% or 0.05") from None
    return value


def one_or_many(value: Any) -> Any:
    """Let one text stand for a list of one; anything else passes through unchanged."""
    return (value,) if isinstance(value, str) else value


Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name in the catalogue: lower case, digits and underscores, starting with a letter."""


class NamesFunction:
    """Mark of a text that names a Python function, whose source enters the digests."""


class IsSql:
    """Mark of a text that is SQL, in which nothing is filled in from the environment."""


FunctionRef = Annotated[str, StringConstraints(pattern=FUNCTION_PATTERN), NamesFunction()]
"""``.module:function`` relative to the defs.yaml, or ``package.module:function``."""

Sql = Annotated[str, IsSql()]
"""A query."""

Share = Annotated[float, BeforeValidator(parse_share, json_schema_input_type=float | str), Field(ge=0, le=1)]
"""A part of a whole: ``5%`` or ``0.05``."""

OneOrMany = BeforeValidator(one_or_many, json_schema_input_type=str | tuple[str, ...])
"""Of a list of texts: one may be written without the list."""

Texts = Annotated[tuple[str, ...], OneOrMany]
"""A list of texts, or one of them."""
