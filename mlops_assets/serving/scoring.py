"""How one version scores: the fastest path whose answers were found equal to the bundle's own, bit by bit.

*single_row*: one row through LightGBM's prepared single-row call, on the event loop (microseconds); several as by the booster. *booster*: a
few rows through the booster with one thread, on the event loop; many on the scoring thread. *thread*: every other estimator, on the
scoring thread, several requests at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.estimators.lightgbm import LightGBMFitted
from mlops_assets.modeling.requests.asking import askable
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.modeling.requests.forms import read_own_rows
from mlops_assets.modeling.requests.reader import RowReader, Rows
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.single_row import SingleRow

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle

INLINE_ROWS = 32
"""Up to so many rows a booster scores on the event loop; more are worth the way to the scoring thread, where they keep no request
waiting and another core works on them."""

PATHS = ("single_row", "booster", "thread")


@dataclass
class Scorer:
    """One version, ready to score.

    Attributes:
        reader: reads rows for it.
        path: the path that serves it.
        compared: how many rows the path was compared on.
        note: why a slower path than possible serves; empty where none does.
    """

    bundle: Bundle
    reader: RowReader
    path: str = "thread"
    compared: int = 0
    note: str = ""
    single: SingleRow | None = None

    @property
    def outputs(self) -> int:
        """Numbers per row: one, or one a class."""
        return len(self.bundle.classes) if self.bundle.task == "multiclass_classification" else 1

    def score_row(self, encoded: Sequence[float]) -> float | list[float]:
        """One encoded row on the single-row path: a number, or one a class."""
        assert self.single is not None
        result = self.single.score(encoded)
        if (calibration := self.bundle.calibration) is not None:
            result = calibration.one(result)
        return result[0] if len(result) == 1 and self.outputs == 1 else result

    def score_matrix(self, matrix: np.ndarray) -> np.ndarray:
        """The bundle's numbers for an encoded matrix: shape (rows,), or (rows, classes)."""
        return self.bundle.score_matrix(matrix)

    def inline(self, rows: int) -> bool:
        """Whether so many rows may be scored on the event loop."""
        return self.path != "thread" and rows <= INLINE_ROWS


def make_scorer(bundle: Bundle, frame: pd.DataFrame) -> Scorer:
    """The scorer of a bundle, on the fastest path that agrees exactly with :meth:`Bundle.predict` on ``frame``.

    Args:
        bundle: the version.
        frame: rows with the signature's columns, as stored; see :func:`mlops_assets.serving.examples.rows_to_compare`.

    Raises:
        ServingError: when not even the plain path agrees with the bundle.
    """
    frame = askable(bundle, frame)
    scorer = Scorer(bundle, RowReader(bundle), compared=len(frame))
    expected = bundle.predict(frame)
    rows = _requested(scorer.reader, frame)
    if not equal(scorer.score_matrix(scorer.reader.matrix_of(rows)), expected):
        raise ServingError("rows as requests bring them score differently than stored ones.", do="Report the bundle; it cannot be served.")
    fitted = bundle.fitted
    if not isinstance(fitted, LightGBMFitted):
        return scorer
    scorer.path = "booster"
    try:
        scorer.single = SingleRow(fitted.booster, len(bundle.encoder.names), scorer.outputs)
        encode = scorer.reader.encode
        if not rows.typed:
            scorer.note = "names of features with quotation marks, backslashes or control characters are read as plain JSON"
        elif equal([scorer.score_row(encode(row)) for row in rows.values], expected):
            scorer.path = "single_row"
        else:
            scorer.note = "the single-row path scored differently than the bundle"
    except MlopsError as error:
        scorer.note = str(error)
    if scorer.path != "single_row":
        scorer.single = None
    return scorer


def finite(found: np.ndarray) -> bool:
    """Whether every number is one."""
    import numpy as np

    return bool(np.isfinite(found).all())


def equal(found: Any, expected: Any) -> bool:
    """Whether two arrays of numbers are the same bit by bit."""
    import numpy as np

    one, other = np.ascontiguousarray(found, dtype="float64"), np.ascontiguousarray(expected, dtype="float64")
    return one.shape == other.shape and bool((one.view("int64") == other.view("int64")).all())


def _requested(reader: RowReader, frame: pd.DataFrame) -> Rows:
    """Rows of a frame as a request would bring them: through JSON and the server's reader."""
    body = msgspec.json.encode({"data": reader.bundle.json_rows(frame)})
    try:
        rows = read_own_rows(reader, body)
        if not rows.typed:
            reader.matrix(rows.values)
        return rows
    except RequestError as error:
        raise ServingError(f"stored rows do not fit the signature: {error}") from None
