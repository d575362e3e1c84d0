"""The target: from what the data holds to the codes or numbers that an estimator learns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.data.training_sets.positive import positive_class, positive_line
from mlops_assets.modeling.distinct import distinct
from mlops_assets.modeling.signature import ModelingError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

MAX_CLASSES = 1000
"""A classification target with more distinct values than this is a number or a key, not a class."""


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        task: binary_classification, multiclass_classification or regression.
        classes: the target's values in the order of codes. Binary: negative, positive. Empty for regression.
    """

    task: str
    classes: tuple[Any, ...]

    @classmethod
    def fit(cls, values: pd.Series, task: str, positive: Any = None) -> Target:
        """Learn the classes from training rows.

        Raises:
            ModelingError: for missing or infinite targets, fewer than two classes, more than two in a binary task, or a binary
                target whose positive value is not known.
        """
        if missing := int(values.isna().sum()):
            raise ModelingError(
                f"{missing} of {len(values)} training rows have no target.", do="Give the label a default, or drop such rows."
            )
        if task == "regression":
            target = cls(task, ())
            target.encode(values)
            return target
        found = _sorted_classes(values)
        if len(found) < 2:
            only = f"only the class {found[0]!r}" if found else "no class"
            raise ModelingError(
                f"the {len(values)} training rows hold {only}; there is nothing to tell apart.",
                do="Widen the training window, or look at the label query and its default.",
            )
        if task == "binary_classification":
            return cls(task, _binary(found, positive))
        if len(found) > MAX_CLASSES:
            raise ModelingError(
                f"the target has {len(found)} classes; at most {MAX_CLASSES} are possible.", do="Use `task: regression` for a number."
            )
        return cls(task, tuple(found))

    def encode(self, values: pd.Series) -> np.ndarray:
        """Codes 0 … k-1 (regression: the numbers) as float64; NaN for missing values and classes that training did not hold."""
        import numpy as np
        import pandas as pd

        if self.task == "regression":
            try:
                numbers = pd.to_numeric(values, errors="raise").to_numpy(dtype="float64", na_value=np.nan)
            except (TypeError, ValueError):
                raise ModelingError(f"a regression target must be a number, found a column of type {values.dtype}.") from None
            if np.isinf(numbers).any():
                raise ModelingError("the target has infinite values.", do="Divide with nullif(x, 0) in the label query.")
            return numbers
        codes = {value: float(code) for code, value in enumerate(self.classes)}
        places, found = distinct(values)
        known = np.array([*(codes.get(_plain(value), np.nan) for value in found), np.nan])
        return np.take(known, places)


def _plain(value: Any) -> Any:
    """A class as JSON can hold it."""
    item = getattr(value, "item", None)
    value = item() if callable(item) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sorted_classes(values: pd.Series) -> list[Any]:
    found = {_plain(value) for value in distinct(values)[1]}
    if odd := sorted({type(v).__name__ for v in found if not isinstance(v, bool | int | float | str)}):
        raise ModelingError(f"a class must be text, a whole number or true/false, found {odd[0]}.")
    if len({isinstance(v, str) for v in found}) > 1:
        raise ModelingError("the target mixes text and numbers.", do="Cast it to one type.")
    return sorted(found)


def _binary(found: Sequence[Any], positive: Any) -> tuple[Any, Any]:
    if len(found) > 2:
        shown = ", ".join(repr(value) for value in found[:10])
        raise ModelingError(f"a binary target has two values, found {len(found)}: {shown}.", do="Use `task: multiclass_classification`.")
    if positive is None and 1 not in found:
        raise ModelingError(
            f"which of {found[0]!r} and {found[1]!r} is positive is not known.", where="positive", do=f"Write `{positive_line(found)}`."
        )
    chosen = 1 if positive is None else positive_class(found, positive)
    if chosen is None:
        raise ModelingError(
            f"positive is {positive!r}, which the target does not hold.",
            where="positive",
            valid=[repr(value) for value in found],
            do=f"Write `{positive_line(found)}`, if that is meant.",
        )
    chosen = found[list(found).index(chosen)]
    return (next(value for value in found if value != chosen), chosen)
