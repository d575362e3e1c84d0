"""From feature columns to the float64 matrix that an estimator sees, as data that travels inside the bundle.

Two forms:

*native* (LightGBM): numbers with NaN for missing; each text feature is one column of codes: the known
categories in sorted order are 0 … k-1, a missing value is k, a category that training never saw is k+1. So "missing" is
a category that can be learned, and an unknown one is on the side of every split that holds none of the listed categories.

*numeric* (scikit-learn, Python): no NaN at all. Numbers and date parts are filled with the training median, booleans with the
more frequent value (false on a tie), each with an indicator ``name=missing`` where training had missing values. A text feature
becomes one indicator per category; beyond :data:`MAX_ONE_HOT` categories the most frequent are kept and ``name=other`` stands for the
rest and for unknown ones; without it an unknown category has all indicators 0. A feature without any value in training is
filled with 0.

An empty text is a missing value, wherever it comes from; :meth:`FittedFeature.read` says what else a text is read as.

Both forms give the same numbers for a frame and for single rows, bit by bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.signature import BundleInputError, Feature, InputProblem, ModelingError, Signature
from mlops_assets.modeling.values import is_text, missing_of, numbers, parts_of, texts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Form = Literal["native", "numeric"]

MAX_STRING_CATEGORIES = 1000
"""A `string` feature with more distinct values than this is refused: it is free text or a key, not a category."""

MAX_ONE_HOT = 50
"""Indicators per text feature in the numeric form."""


@dataclass(frozen=True)
class FittedFeature:
    """What training fixed about one feature.

    Attributes:
        categories: known categories in sorted order; None for numbers.
        kept: categories that have an indicator of their own in the numeric form.
        fills: in the numeric form, what stands for a missing value, one a part.
        missing: whether training had missing values.
        empty: whether training had nothing but missing values.
    """

    feature: Feature
    categories: tuple[str, ...] | None
    kept: tuple[str, ...] = ()
    fills: tuple[float, ...] = ()
    missing: bool = False
    empty: bool = False

    @cached_property
    def codes(self) -> dict[str, int]:
        """Code of each known category in the native form."""
        return {category: code for code, category in enumerate(self.categories or ())}

    @cached_property
    def slots(self) -> dict[str, int]:
        """Indicator of each kept category in the numeric form."""
        return {category: slot for slot, category in enumerate(self.kept)}

    def read(self, text: str) -> str | None:
        """The category that a text stands for; None where it is a missing value.

        A category that training saw is itself. Any other text is looked up without white space around it, as CSV sources are read by
        default, and is missing if nothing is left: a bundle that learned from empty text as a category still knows it as one.
        """
        if text in self.codes:
            return text
        bare = text.strip()
        return (bare if bare in self.codes else text) if bare else None

    @property
    def has_other(self) -> bool:
        """Whether some known categories share one indicator."""
        return len(self.kept) < len(self.categories or ())


class Encoder:
    """Fitted on training rows alone; immutable afterwards."""

    def __init__(self, form: Form, fitted: Sequence[FittedFeature]) -> None:
        self.form: Form = form
        self.fitted = tuple(fitted)
        self.signature = Signature(tuple(f.feature for f in self.fitted))

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: Sequence[Feature], *, form: Form) -> Encoder:
        """Learn categories and fills from training rows.

        Raises:
            ModelingError: for a string feature that is no category, a missing column, no rows.
            BundleInputError: for a column that does not hold its feature's type.
        """
        if len(frame) == 0:
            raise ModelingError(
                "there are no training rows.", do="Widen the window, or look at what the label query and validation dropped."
            )
        _require_columns(frame, features)
        return cls(form, [_fit_feature(frame[feature.name], feature, form) for feature in features])

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """The matrix of a frame: float64 of shape (rows, ``len(names)``), in C order. Further columns are ignored.

        Raises:
            BundleInputError: for a missing column or one that does not hold its feature's type.
        """
        import numpy as np

        _require_columns(frame, self.signature.features)
        matrix = np.empty((len(frame), len(self.names)), dtype="float64")
        start = 0
        for fitted in self.fitted:
            width = len(self._columns(fitted))
            matrix[:, start : start + width] = self._encode(frame[fitted.feature.name], fitted)
            start += width
        return matrix

    def encode_row(self, row: Sequence[tuple[float, ...] | str | None]) -> list[float]:
        """One row of the matrix, from each feature's parts or text (None: missing), in the signature's order."""
        result: list[float] = []
        for fitted, value in zip(self.fitted, row, strict=True):
            if fitted.categories is None:
                parts = value if isinstance(value, tuple) else missing_of(fitted.feature)
                if self.form == "native":
                    result.extend(parts)
                    continue
                result.extend(fill if math.isnan(part) else part for part, fill in zip(parts, fitted.fills, strict=True))
                if fitted.missing:
                    result.append(1.0 if math.isnan(parts[0]) else 0.0)
            else:
                result.extend(self._encode_text(fitted, None if value is None else str(value)))
        return result

    @cached_property
    def names(self) -> list[str]:
        """Names of the matrix's columns."""
        return [name for fitted in self.fitted for name in self._columns(fitted)]

    @cached_property
    def sources(self) -> list[str]:
        """For each column of the matrix, the feature that it comes from."""
        return [fitted.feature.name for fitted in self.fitted for _ in self._columns(fitted)]

    @cached_property
    def categorical(self) -> list[int]:
        """Indices of columns that hold category codes (native form only)."""
        if self.form != "native":
            return []
        text = [fitted.categories is not None for fitted in self.fitted for _ in self._columns(fitted)]
        return [index for index, is_code in enumerate(text) if is_code]

    @property
    def empty_features(self) -> list[str]:
        """Features that had no value at all in training; they are kept, and cannot matter until retrained."""
        return [fitted.feature.name for fitted in self.fitted if fitted.empty]

    def to_json(self) -> dict[str, Any]:
        """As plain data; the signature is stored beside it."""
        return {
            "form": self.form,
            "features": [
                {
                    "categories": None if f.categories is None else list(f.categories),
                    "empty": f.empty,
                    "fills": list(f.fills),
                    "kept": list(f.kept),
                    "missing": f.missing,
                }
                for f in self.fitted
            ],
        }

    @classmethod
    def from_json(cls, body: dict[str, Any], signature: Signature) -> Encoder:
        """Inverse of :meth:`to_json`."""
        fitted = [
            FittedFeature(
                feature,
                None if entry["categories"] is None else tuple(entry["categories"]),
                tuple(entry["kept"]),
                tuple(float(fill) for fill in entry["fills"]),
                entry["missing"],
                entry["empty"],
            )
            for feature, entry in zip(signature.features, body["features"], strict=True)
        ]
        return cls(body["form"], fitted)

    def _columns(self, fitted: FittedFeature) -> list[str]:
        name = fitted.feature.name
        if fitted.categories is None:
            columns = [f"{name}.{part}" if part else name for part in parts_of(fitted.feature)]
            return columns + ([f"{name}=missing"] if self.form == "numeric" and fitted.missing else [])
        if self.form == "native":
            return [name]
        extra = [f"{name}=other"] * fitted.has_other + [f"{name}=missing"] * fitted.missing
        return [f"{name}={category!r}" for category in fitted.kept] + extra

    def _encode(self, column: pd.Series, fitted: FittedFeature) -> np.ndarray:
        import numpy as np

        if fitted.categories is not None:
            codes, found = distinct(texts(column, fitted.feature))
            table = np.array([self._encode_text(fitted, text) for text in [*found, None]], dtype="float64")
            encoded: np.ndarray = table[codes]
            return encoded
        parts = numbers(column, fitted.feature)
        if self.form == "native":
            return parts
        lost = np.isnan(parts)
        filled = np.where(lost, np.array(fitted.fills), parts)
        return np.column_stack([filled, lost[:, 0].astype("float64")]) if fitted.missing else filled

    def _encode_text(self, fitted: FittedFeature, given: str | None) -> list[float]:
        text = None if given is None else fitted.read(given)
        if self.form == "numeric":
            return _indicators(fitted, text)
        known = len(fitted.categories or ())
        return [float(known if text is None else fitted.codes.get(text, known + 1))]


def _indicators(fitted: FittedFeature, text: str | None) -> list[float]:
    result = [0.0] * (len(fitted.kept) + fitted.has_other + fitted.missing)
    if text is None:
        if fitted.missing:
            result[-1] = 1.0
    elif text in fitted.slots:
        result[fitted.slots[text]] = 1.0
    elif fitted.has_other:
        result[len(fitted.kept)] = 1.0
    return result


def _fit_feature(column: pd.Series, feature: Feature, form: Form) -> FittedFeature:
    import numpy as np

    if is_text(feature):
        return _fit_text(column, feature, form)
    parts = numbers(column, feature)
    present = parts[~np.isnan(parts[:, 0])]
    missing, empty = len(present) < len(parts), len(present) == 0
    fills: tuple[float, ...] = ()
    if form == "numeric":
        if empty:
            fills = (0.0,) * parts.shape[1]
        elif feature.type == "bool":
            fills = (1.0 if float(present.mean()) > 0.5 else 0.0,)
        else:
            fills = tuple(float(value) for value in _median(present))
    return FittedFeature(feature, None, fills=fills, missing=missing, empty=empty)


def _fit_text(column: pd.Series, feature: Feature, form: Form) -> FittedFeature:
    import pandas as pd

    values = texts(column, feature)
    values[values == ""] = None
    counts = pd.Series(values, dtype=object).value_counts()
    categories = tuple(sorted(counts.index))
    if feature.type == "string" and len(categories) > MAX_STRING_CATEGORIES:
        raise ModelingError(
            f"feature {feature.name!r} is text with {len(categories)} distinct values in {len(values)} training rows;"
            f" text is treated as a category up to {MAX_STRING_CATEGORIES} values.",
            do=f"Exclude it, derive features from it, or declare the column as `{feature.name}: {{type: category}}` if it is one.",
        )
    kept = categories
    if form == "numeric" and len(categories) > MAX_ONE_HOT:
        kept = tuple(sorted(sorted(categories, key=lambda c: (-int(counts[c]), c))[:MAX_ONE_HOT]))
    return FittedFeature(feature, categories, kept, missing=int(counts.sum()) < len(values), empty=not categories)


def _require_columns(frame: pd.DataFrame, features: Sequence[Feature]) -> None:
    present = set(frame.columns)
    if lost := [feature.name for feature in features if feature.name not in present]:
        raise BundleInputError([InputProblem(None, name, "is missing from the columns") for name in lost])


def _median(present: np.ndarray) -> np.ndarray:
    """The median of each column; also where the sum of the two in the middle is larger than any float."""
    import numpy as np

    with np.errstate(over="ignore"):
        found: np.ndarray = np.median(present, axis=0)
    return np.where(np.isfinite(found), found, np.median(present / 2, axis=0) * 2)
