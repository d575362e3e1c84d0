"""Typed reading of rows: a decoder generated from a bundle's signature for what is right, the bundle itself for what is wrong.

The decoder takes bytes to typed rows in one pass and refuses at the first thing that it does not know. Then the body is read again as plain
JSON and given to :meth:`Bundle.matrix`, which names every problem of every row, and decides: what the bundle takes is scored.

========================  =========================================================================================
in a row                  answer
========================  =========================================================================================
a feature is missing      422, also where null is allowed: a caller that forgets a field should know
null                      422 unless the feature may be null; then it is a missing value
NaN, Infinity, 1e400      422: write null for a missing value
another type              422; whole numbers may be written 3.0
an unknown category       scored: training gave "unknown" a meaning of its own
a field that is unknown   422, with the nearest feature's name
========================  =========================================================================================
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlops_assets.modeling.signature import BundleInputError, Feature, InputProblem
from mlops_assets.modeling.values import from_json
from mlops_assets.serving.errors import RequestError, invalid_rows

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.modeling.bundle import Bundle

Row = Any
"""A decoded row: a struct with one attribute a feature, or a mapping."""

_WHOLE = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_TYPES: dict[str, Any] = {
    "int64": _WHOLE,
    "float64": float,
    "bool": bool,
    "category": str,
    "string": str,
    "datetime": str,
    "date": str,
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one request.

    Attributes:
        values: typed ones or mappings.
        typed: which of the two.
        as_of: as-of times of looked-up features (microseconds by view), where there are.
        text: the same rows as the JSON list that the request held, where it can stand in the journal as it is.
    """

    values: Sequence[Any]
    typed: bool
    as_of: Sequence[Mapping[str, int]] | None = None
    text: bytes | None = None


class RowReader:
    """Reads and encodes rows for one bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.signature = bundle.signature
        self.names = tuple(bundle.signature.names)
        self.entity = tuple(bundle.signature.entity)
        self._attributes = {name: f"f{index}" for index, name in enumerate(self.names)}
        self._keys = {name: self._attributes.get(name, f"k{index}") for index, name in enumerate(self.entity)}

    @cached_property
    def struct(self) -> type[msgspec.Struct]:
        """The row's type: every feature required, the entity's key allowed, nothing else."""
        features: list[Any] = [
            (self._attributes[f.name], (_TYPES[f.type] | None) if f.nullable else _TYPES[f.type]) for f in self.signature.features
        ]
        keys: list[Any] = [(at, int | str | None, None) for name, at in self._keys.items() if name not in self._attributes]
        rename = {at: name for name, at in {**self._attributes, **self._keys}.items()}
        return msgspec.defstruct("Row", [*features, *keys], rename=rename, forbid_unknown_fields=True, gc=False)

    @cached_property
    def decode(self) -> Callable[[bytes], Any]:
        """From the bytes of ``{"data": [rows]}`` to an object with typed ``data``; a ``ValueError`` says only that it is not right."""
        body = msgspec.defstruct("Body", [("data", list[self.struct])], forbid_unknown_fields=True)  # type: ignore[name-defined]
        return msgspec.json.Decoder(body).decode

    def typed(self, rows: Sequence[Any]) -> list[Row] | None:
        """Plain rows as typed ones, if all of them are right; they must not hold NaN or infinite numbers."""
        struct = self.struct
        try:
            return [msgspec.convert(row, struct) for row in rows]
        except msgspec.ValidationError:
            return None

    def rows(self, values: list[Any], typable: bool, as_of: Sequence[Mapping[str, int]] | None = None) -> Rows:
        """Plain rows of a request, typed where they are right.

        ``typable``: all live versions take them alike, and no number is NaN or infinite.
        """
        typed = self.typed(values) if typable else None
        return Rows(values, False, as_of) if typed is None else Rows(typed, True, as_of)

    @cached_property
    def encode(self) -> Callable[[Row], Sequence[float]]:
        """From a typed row to its row of the matrix.

        The function raises ``ValueError`` for a text that is no moment or date.
        """
        encoder = self.bundle.encoder
        features = encoder.signature.features
        if encoder.form != "native":
            getters = [(self._attributes[f.name], f) for f in features]
            return lambda row: encoder.encode_row([_value(getattr(row, at), feature) for at, feature in getters])
        parts: list[str] = []
        names: dict[str, Any] = {"nan": math.nan}
        for index, fitted in enumerate(encoder.fitted):
            value = f"row.{self._attributes[fitted.feature.name]}"
            if fitted.categories is not None:
                known = len(fitted.categories)
                codes: dict[str | None, float] = {text: float(code) for text, code in fitted.codes.items()}
                names[f"code{index}"] = {**codes, None: float(known)}.get
                parts.append(f"code{index}({value}, {float(known + 1)})")
            elif fitted.feature.type in ("datetime", "date"):
                names[f"parts{index}"] = _moment_reader(fitted.feature)
                parts.append(f"*parts{index}({value})")
            elif fitted.feature.nullable:
                parts.append(f"nan if {value} is None else {value}")
            else:
                parts.append(value)
        # Only names made here stand in this text: no feature name or category does.
        source = f"lambda row: ({', '.join(f'({part})' if not part.startswith('*') else part for part in parts)},)"
        made: Callable[[Row], Sequence[float]] = eval(source, {"__builtins__": {}, **names})
        return made

    @cached_property
    def key_of(self) -> Callable[[Row], str | None]:
        """The routing key of a typed row: its entity's key as text; None where the row has none."""
        if not self.entity:
            return lambda row: None
        attributes = tuple(self._keys[name] for name in self.entity)
        if len(attributes) == 1:
            only = attributes[0]

            def single(row: Row) -> str | None:
                value = getattr(row, only)
                return None if value is None else str(value)

            return single
        return lambda row: key_text([getattr(row, at) for at in attributes])

    def matrix(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The matrix of plain rows.

        Raises:
            RequestError: 422 with every problem of every row.
        """
        problems = [problem for index, row in enumerate(rows) for problem in self._key_problems(index, row)]
        try:
            found = self.bundle.matrix(rows)
        except BundleInputError as error:
            problems.extend(error.problems)
        if problems:
            raise invalid_rows(sorted(problems, key=lambda p: (p.row is None, p.row or 0)))
        return found

    def mapping_key(self, row: Mapping[str, Any]) -> str | None:
        """As :attr:`key_of`, of a plain row."""
        return key_text([row.get(name) for name in self.entity]) if self.entity else None

    def _key_problems(self, index: int, row: Any) -> list[InputProblem]:
        if not isinstance(row, Mapping):
            return []
        return [
            InputProblem(index, name, "needs text or a whole number")
            for name in self.entity
            if name not in self._attributes
            and row.get(name) is not None
            and (isinstance(row[name], bool) or not isinstance(row[name], int | str))
        ]


def key_text(values: Sequence[Any]) -> str | None:
    """An entity's key as one text: the same for ``42`` and ``"42"``; None where a part is missing."""
    if any(value is None for value in values):
        return None
    return str(values[0]) if len(values) == 1 else json.dumps([str(value) for value in values], separators=(",", ":"), ensure_ascii=False)


def text_of_rows(body: bytes) -> bytes | None:
    """The list in a body that :attr:`RowReader.decode` took, as it stands there and on one line; None where that cannot be told at once."""
    # Without a backslash a quotation mark is one, so that the key stands once and nothing follows its list but the closing brace.
    if not body.startswith(b'{"data":') or b"\\" in body or b"\n" in body or b"\r" in body or body.count(b'"data"') != 1:
        return None
    return body[body.index(b"[") : body.rindex(b"]") + 1]


def read_document(body: bytes) -> tuple[Any, bool]:
    """A body as plain JSON data, and whether it holds nothing but what JSON has: no NaN or infinite number.

    A body with such numbers is still read, so that their place can be named.

    Raises:
        RequestError: 400 for what is no JSON.
    """
    try:
        return msgspec.json.decode(body), True
    except (ValueError, RecursionError):
        return read_json(body), False


def read_json(body: bytes) -> Any:
    """A body as plain JSON data, by the standard library, which says where a mistake stands and knows NaN and Infinity.

    Raises:
        RequestError: 400 for what is no JSON.
    """
    try:
        document = json.loads(body.decode("utf-8"))
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise RequestError(400, "malformed", "The body is not UTF-8 text.") from None
    except RecursionError:
        raise RequestError(400, "malformed", "The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise RequestError(400, "malformed", f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError:
        raise RequestError(400, "malformed", "The body is no JSON: a number has too many digits.") from None
    return document


def _value(value: Any, feature: Feature) -> tuple[float, ...] | str | None:
    return None if value is None else from_json(value, feature)


def _moment_reader(feature: Feature) -> Callable[[Any], tuple[float, ...]]:
    from mlops_assets.modeling.values import missing_of

    missing = missing_of(feature)

    def read(value: Any) -> tuple[float, ...]:
        if value is None:
            return missing
        parts = from_json(value, feature)
        assert isinstance(parts, tuple)
        return parts

    return read
