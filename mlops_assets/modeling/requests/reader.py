"""Typed reading of rows: a decoder generated from a bundle's signature for what is right, the bundle itself for what is wrong.

The decoder takes bytes to typed rows in one pass and refuses at the first thing that it does not know. Then the body is read again as plain
JSON and given to :meth:`Bundle.matrix`, which names every problem of every row, and decides: what the bundle takes is scored. A signature
with a name that the decoder cannot have as a field (quotation marks, backslashes, control characters) is read as plain JSON throughout.

========================  =========================================================================================
in a row                  answer
========================  =========================================================================================
a feature is missing      422, also where null is allowed: a caller that forgets a field should know
null, an empty text       422 unless the feature may be null; then it is a missing value
NaN, Infinity, 1e400      422: write null for a missing value
another type              422; whole numbers may be written 3.0
an unknown category       scored: training gave "unknown" a meaning of its own
a field that is unknown   422, with the nearest feature's name
========================  =========================================================================================
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlops_assets.modeling.encoding import FittedFeature
from mlops_assets.modeling.requests.errors import invalid_rows
from mlops_assets.modeling.requests.plain import read_value
from mlops_assets.modeling.signature import BundleInputError, Feature, InputProblem
from mlops_assets.modeling.values import from_json, missing_of
from mlops_assets.spec.entity_keys import KeyFormError, any_text, key_text, part_text

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
        self._pack = struct.Struct(f"={len(bundle.encoder.names)}d").pack

    @cached_property
    def struct(self) -> type[msgspec.Struct] | None:
        """The row's type: every feature required, the entity's key allowed, nothing else. None where a name cannot be that of a field."""
        features: list[Any] = [
            (self._attributes[f.name], (_TYPES[f.type] | None) if f.nullable else _TYPES[f.type]) for f in self.signature.features
        ]
        keys: list[Any] = [(at, int | str | None, None) for name, at in self._keys.items() if name not in self._attributes]
        rename = {at: name for name, at in {**self._attributes, **self._keys}.items()}
        try:
            return msgspec.defstruct("Row", [*features, *keys], rename=rename, forbid_unknown_fields=True, gc=False)
        except ValueError:
            return None

    @cached_property
    def decode(self) -> Callable[[bytes], Any]:
        """From the bytes of ``{"data": [rows]}`` to an object with typed ``data``; a ``ValueError`` says only that it is not right."""
        row = self.struct
        if row is None:
            return _not_typed
        body = msgspec.defstruct("Body", [("data", list[row])], forbid_unknown_fields=True)  # type: ignore[valid-type]
        return msgspec.json.Decoder(body).decode

    def typed(self, rows: Sequence[Any]) -> list[Row] | None:
        """Plain rows as typed ones, if all of them are right; they must not hold NaN or infinite numbers."""
        struct = self.struct
        if struct is None:
            return None
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

        The function raises ``ValueError`` for a text that is no moment or date, or that is missing where nothing may be.
        """
        encoder = self.bundle.encoder
        if encoder.form != "native":
            getters = [(self._attributes[fitted.feature.name], fitted) for fitted in encoder.fitted]
            return lambda row: encoder.encode_row([read_value(getattr(row, at), fitted) for at, fitted in getters])
        parts: list[str] = []
        names: dict[str, Any] = {"nan": math.nan}
        for index, fitted in enumerate(encoder.fitted):
            value = f"row.{self._attributes[fitted.feature.name]}"
            if fitted.categories is not None:
                names[f"codes{index}"] = _Codes(fitted)
                parts.append(f"codes{index}[{value}]")
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
        types = {f.name: f.type for f in self.signature.features}
        if len(attributes) == 1 and types.get(self.entity[0]) not in ("float64", "bool"):
            only = attributes[0]

            def single(row: Row) -> str | None:
                value = getattr(row, only)
                return None if value is None else str(value)

            return single
        return lambda row: _routing_text([getattr(row, at) for at in attributes])

    def mapping_key(self, row: Mapping[str, Any]) -> str | None:
        """As :attr:`key_of`, of a plain row."""
        return _routing_text([row.get(name) for name in self.entity]) if self.entity else None

    def typed_matrix(self, rows: Sequence[Row]) -> np.ndarray:
        """The matrix of typed rows. Raises ``ValueError`` as :attr:`encode` does."""
        import numpy as np

        encode, pack = self.encode, self._pack
        content = b"".join([pack(*encode(row)) for row in rows])
        return np.frombuffer(content, dtype="float64").reshape(len(rows), -1)

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

    def matrix_of(self, rows: Rows) -> np.ndarray:
        """The matrix of a request's rows: typed ones that the encoder does not take are read again as plain data.

        Raises:
            RequestError: 422 with every problem of every row.
        """
        if rows.typed:
            try:
                return self.typed_matrix(rows.values)
            except ValueError:
                return self.matrix(msgspec.to_builtins(rows.values))
        return self.matrix(rows.values)

    def _key_problems(self, index: int, row: Any) -> list[InputProblem]:
        if not isinstance(row, Mapping):
            return []
        problems = []
        for name in self.entity:
            if name in self._attributes:
                continue
            try:
                part_text(row.get(name))
            except KeyFormError as error:
                problems.append(InputProblem(index, name, str(error)))
        return problems


class _Codes(dict[str | None, float]):
    """Codes of a text feature in the native form; a text that is no known category is read as the encoder reads it."""

    def __init__(self, fitted: FittedFeature) -> None:
        super().__init__({text: float(code) for text, code in fitted.codes.items()})
        self._fitted = fitted
        self._lost = float(len(fitted.codes))
        if fitted.feature.nullable:
            self[None] = self._lost

    def __missing__(self, text: str | None) -> float:
        known = None if text is None else self._fitted.read(text)
        if known is None:
            if not self._fitted.feature.nullable:
                raise ValueError("is missing")
            return self._lost
        return self.get(known, self._lost + 1)


def _not_typed(body: bytes) -> Any:
    raise ValueError("no decoder can be made for these names")


def _routing_text(values: Sequence[Any]) -> str | None:
    """As :func:`key_text`; a value that is no key of published features still routes."""
    return key_text([any_text(value) for value in values])


def _moment_reader(feature: Feature) -> Callable[[Any], tuple[float, ...]]:
    missing = missing_of(feature)

    def read(value: Any) -> tuple[float, ...]:
        if value is None:
            return missing
        parts = from_json(value, feature)
        assert isinstance(parts, tuple)
        return parts

    return read
