"""Plain JSON rows to the estimator's matrix, with every problem of every row and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.encoding import Encoder, FittedFeature
from mlops_assets.modeling.signature import BundleInputError, InputProblem, Signature
from mlops_assets.modeling.values import from_json

if TYPE_CHECKING:
    import numpy as np

Parts = tuple[float, ...] | str | None


def plain_matrix(signature: Signature, encoder: Encoder, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """The matrix: float64 of shape (rows, columns of the encoder).

    Raises:
        BundleInputError: with every problem of every row and field.
    """
    import numpy as np

    problems: list[InputProblem] = []
    encoded: list[list[float]] = []
    known = {*signature.names, *signature.entity}
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            problems.append(InputProblem(index, None, "needs an object with a key for each feature"))
            continue
        values: list[Parts] = []
        before = len(problems)
        for fitted in encoder.fitted:
            name = fitted.feature.name
            if name not in row:
                problems.append(InputProblem(index, name, "is missing"))
                continue
            try:
                values.append(read_value(row[name], fitted))
            except ValueError as error:
                problems.append(InputProblem(index, name, str(error)))
        problems.extend(_unknown(index, row, known))
        if len(problems) == before:
            encoded.append(encoder.encode_row(values))
    if problems:
        raise BundleInputError(problems)
    return np.array(encoded, dtype="float64").reshape(len(encoded), len(encoder.names))


def read_value(value: Any, fitted: FittedFeature) -> Parts:
    """Parts or text of one JSON value; None where it is missing.

    Raises:
        ValueError: for a value of another type, and for a missing one of a feature that may not be missing; the message says what is valid.
    """
    feature = fitted.feature
    if value is None:
        if not feature.nullable:
            raise ValueError(f"is null; it needs {feature.type}")
        return None
    parts = from_json(value, feature)
    if not feature.nullable and isinstance(parts, str) and fitted.read(parts) is None:
        raise ValueError(f"is empty, which means missing; it needs {feature.type}")
    return parts


def _unknown(index: int, row: Mapping[str, Any], known: set[str]) -> list[InputProblem]:
    from mlops_assets.errors import nearest

    problems = []
    for name in sorted(set(map(str, row)) - known):
        guess = nearest(name, known)
        problems.append(InputProblem(index, name, "is no feature of this model" + (f"; did you mean {guess!r}?" if guess else "")))
    return problems
