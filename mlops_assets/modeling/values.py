"""Exact reading of feature values, from a frame's column or from JSON, to the same float64 numbers.

A value becomes one or several *parts*:

==================  =================================================================
int64, float64      the number
bool                0 or 1
datetime            ``epoch_days`` (whole days since 1970-01-01 UTC, rounded down), ``hour``,
                    ``weekday`` (Monday 0), ``month``; all of the moment in UTC
date                ``epoch_days``, ``weekday``, ``month``
category, string    no number: text, which the encoder turns into a code or an indicator
==================  =================================================================

A missing value has all parts NaN. Infinite numbers are refused, by every estimator: they have no agreed meaning.
Who has some declares them as ``missing``, or as a violation with ``finite``.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.signature import BundleInputError, Feature, InputProblem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_PARTS: dict[str, tuple[str, ...]] = {
    "datetime": ("epoch_days", "hour", "weekday", "month"),
    "date": ("epoch_days", "weekday", "month"),
}
_EPOCH = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63
_DAY = 86_400_000_000
_HOUR = 3_600_000_000


def is_text(feature: Feature) -> bool:
    """Whether the feature's values are text and stay text until they are encoded."""
    return feature.type in ("category", "string")


def parts_of(feature: Feature) -> tuple[str, ...]:
    """Names of the feature's parts; one empty name where the value is a number itself."""
    return _PARTS.get(feature.type, ("",))


def missing_of(feature: Feature) -> tuple[float, ...]:
    """The parts of a missing value."""
    return (math.nan,) * len(parts_of(feature))


def from_json(value: Any, feature: Feature) -> tuple[float, ...] | str:
    """Parts (or text) of one JSON value that is not null.

    Whole numbers may be written ``3.0``. Datetimes are ISO 8601 text with an offset (or aware ``datetime``), dates
    ``YYYY-MM-DD`` (or ``date``).

    Raises:
        ValueError: when the value is not of the feature's type; the message says what is valid.
    """
    kind = feature.type
    if kind in ("category", "string"):
        if not isinstance(value, str):
            raise ValueError(f"needs text, found {_kind(value)}")
        return value
    if kind == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"needs true or false, found {_kind(value)}")
        return (float(value),)
    if kind in ("int64", "float64"):
        return (_number(value, whole=kind == "int64"),)
    return _moment_parts(value) if kind == "datetime" else _date_parts(value)


def numbers(column: pd.Series, feature: Feature) -> np.ndarray:
    """Parts of a whole column as float64 of shape (rows, parts); missing values are NaN.

    Raises:
        BundleInputError: when the column does not hold the feature's type, or holds infinite values.
    """
    import numpy as np

    if feature.type in ("datetime", "date"):
        return _datetime_numbers(column, feature)
    result = _plain_numbers(column, feature)
    if (infinite := int(np.isinf(result).sum())) > 0:
        row = int(np.flatnonzero(np.isinf(result))[0])
        advice = "divide with nullif(x, 0), or declare missing: [inf, -inf] where it comes from"
        raise BundleInputError([InputProblem(row, feature.name, f"is infinite, as are {infinite} values in all; {advice}")])
    return result.reshape(-1, 1)


def texts(column: pd.Series, feature: Feature) -> np.ndarray:
    """A text column as an object array of ``str`` and None.

    Raises:
        BundleInputError: when a value is neither text nor missing.
    """
    import numpy as np
    import pandas as pd

    values = column.astype(object).to_numpy(dtype=object)
    missing = pd.isna(values)
    plain = pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
    if not plain and (bad := [i for i in np.flatnonzero(~missing) if not isinstance(values[i], str)]):
        raise BundleInputError([InputProblem(int(bad[0]), feature.name, f"needs text, found {type(values[bad[0]]).__name__}")])
    result = values.copy()
    result[missing] = None
    return result


def to_json(column: pd.Series, feature: Feature) -> list[Any]:
    """A column as JSON values that :func:`from_json` reads back: null, number, true/false, text."""
    import numpy as np

    if is_text(feature):
        return list(texts(column, feature))
    if feature.type in ("datetime", "date"):
        moments = _microseconds(column, feature)
        lost = np.isnat(moments)
        counts = moments.astype("int64")
        made = [None if gone else _EPOCH_MOMENT + int(count) * _MICROSECOND for gone, count in zip(lost, counts, strict=True)]
        return [None if m is None else m.isoformat() if feature.type == "datetime" else m.date().isoformat() for m in made]
    values = numbers(column, feature)[:, 0].tolist()
    if feature.type == "bool":
        return [None if math.isnan(v) else bool(v) for v in values]
    if feature.type == "int64":
        # The number itself, which float64 does not hold beyond 2^53.
        exact = column.astype(object).tolist()
        return [None if math.isnan(v) else int(whole) for v, whole in zip(values, exact, strict=True)]
    return [None if math.isnan(v) else v for v in values]


def _number(value: Any, *, whole: bool) -> float:
    noun = "a whole number" if whole else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"needs {noun}, found {_kind(value)}")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"needs {noun}, found {value}; write null for a missing value")
        if whole and not value.is_integer():
            raise ValueError(f"needs {noun}, found {value}")
    if whole and not -_INT64 <= value < _INT64:
        raise ValueError("is beyond 64 bit")
    try:
        return float(value)
    except OverflowError:
        raise ValueError("is beyond the range of float64") from None


def _count_of(value: Any) -> int:
    """Microseconds since the epoch of a moment."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("needs a moment such as 2026-01-31T12:00:00Z") from None
    if not isinstance(value, datetime):
        raise ValueError(f"needs a moment such as 2026-01-31T12:00:00Z, found {_kind(value)}")
    if value.tzinfo is None:
        raise ValueError("has no time zone; write for example 2026-01-31T12:00:00Z")
    return int((value - _EPOCH_MOMENT) // _MICROSECOND)


def _date_of(value: Any) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("needs a date such as 2026-01-31") from None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError(f"needs a date such as 2026-01-31, found {_kind(value)}")
    return value


def _moment_parts(value: Any) -> tuple[float, ...]:
    days, rest = divmod(_count_of(value), _DAY)
    try:
        day = _EPOCH + timedelta(days=days)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None
    return (float(days), float(rest // _HOUR), float(day.weekday()), float(day.month))


def _date_parts(value: Any) -> tuple[float, ...]:
    day = _date_of(value)
    return (float((day - _EPOCH).days), float(day.weekday()), float(day.month))


def _plain_numbers(column: pd.Series, feature: Feature) -> np.ndarray:
    import numpy as np
    import pandas as pd

    noun = "true or false" if feature.type == "bool" else "numbers"
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        column = column.astype(object)
        dtype = column.dtype
    if pd.api.types.is_object_dtype(dtype):
        found = pd.api.types.infer_dtype(column, skipna=True)
        if found not in ("integer", "floating", "decimal", "mixed-integer-float", "boolean", "empty"):
            raise BundleInputError([InputProblem(None, feature.name, f"needs {noun}, found a column of type {found}")])
        result = np.array([math.nan if pd.isna(v) else float(v) for v in column], dtype="float64")
    elif pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        result = column.to_numpy(dtype="float64", na_value=math.nan)
    else:
        raise BundleInputError([InputProblem(None, feature.name, f"needs {noun}, found a column of type {dtype}")])
    if feature.type == "bool" and not np.isin(result[~np.isnan(result)], (0.0, 1.0)).all():
        raise BundleInputError([InputProblem(None, feature.name, "needs true or false, found other numbers")])
    return result


def _microseconds(column: pd.Series, feature: Feature) -> np.ndarray:
    """The column as ``datetime64[us]`` in UTC."""
    import numpy as np
    import pandas as pd

    dtype: Any = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None), dtype="datetime64[us]")
    if pd.api.types.is_datetime64_dtype(dtype):
        if feature.type == "datetime" and column.notna().any():
            raise BundleInputError([InputProblem(None, feature.name, "has no time zone; give moments in UTC")])
        return column.to_numpy().astype("datetime64[us]")
    codes, found = distinct(column)
    moments = np.full(len(found) + 1, np.datetime64("NaT"), dtype="datetime64[us]")
    for index, value in enumerate(found):
        try:
            moments[index] = _date_of(value) if feature.type == "date" else np.datetime64(_count_of(value), "us")
        except ValueError as error:
            row = int(np.flatnonzero(codes == index)[0])
            raise BundleInputError([InputProblem(row, feature.name, str(error))]) from None
    moved: np.ndarray = moments[codes]
    return moved


def _datetime_numbers(column: pd.Series, feature: Feature) -> np.ndarray:
    import numpy as np

    moments = _microseconds(column, feature)
    lost = np.isnat(moments)
    counts = moments.astype("int64")
    days = counts // _DAY
    months = moments.astype("datetime64[M]").astype("int64") % 12 + 1
    columns = {"epoch_days": days, "hour": (counts - days * _DAY) // _HOUR, "weekday": (days + 3) % 7, "month": months}
    result = np.column_stack([columns[part] for part in parts_of(feature)]).astype("float64")
    result[lost] = math.nan
    return result


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}.get(type(value), type(value).__name__)


def plain_values(column: pd.Series, feature: Feature) -> np.ndarray:
    """Numbers ``(n,)``, or text as objects; a moment is its microseconds."""
    import numpy as np
    import pandas as pd

    if is_text(feature):
        return texts(column, feature)
    if feature.type in ("datetime", "date"):
        moments = pd.to_datetime(column, utc=True)
        return moments.astype("int64").to_numpy(float) * np.where(moments.isna(), np.nan, 1.0)
    return numbers(column, feature)[:, 0]
