"""Whether a window's rows are fit to be scored: how many, what is missing, out of range, repeated, gone or stuck.

Shares are held against the reference with the chance that so many rows would show the like anyway, so that neither a few odd rows nor a
large window alarms by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.columns import PREDICTION_ID, SCORE
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.reference import Reference, scores_of
from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column
from mlops_assets.monitoring.status import worst

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, np.dtype[Any]]

Status = Literal["pass", "fail", "inconclusive"]

ALPHA = 0.001
"""A finding needs a probability below this, when nothing changed, shared among the columns."""
LEAST_SHARE = 0.01
"""A smaller rise of a share is no finding."""
LEAST_ROWS = 20
"""With fewer rows the columns are not judged."""
FEWER, MORE = 0.5, 2.0
"""Rows below or above this multiple of the usual number are a finding."""
LEAST_HISTORY = 3


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: rows, missing, vanished, type, out_of_range, stuck, repeated, no_score or order.
        column: the column; None where rows are meant.
        status: pass findings are only given for checks of rows.
        observed, expected: shares or counts.
        n: rows looked at.
        detail: in words.
    """

    check: str
    column: str | None
    status: Status
    observed: float | None
    expected: float | None
    n: int
    detail: str


@dataclass(frozen=True)
class DataQuality:
    """All findings of a window; ``status`` is inconclusive without rows and with too few of them."""

    status: Status
    n: int
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.status == "fail"]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"status": self.status, "n": self.n, "findings": [asdict(finding) for finding in self.findings]}


def measure_quality(reference: Reference, window: pa.Table, *, usual_rows: Sequence[int] = ()) -> DataQuality:
    """Check a window of predictions.

    Args:
        reference: of the version that made them.
        window: predictions with features and score; may be empty.
        usual_rows: rows of comparable earlier windows; with fewer than three the number of rows is not judged.
    """
    n = window.num_rows
    findings = [_rows(n, usual_rows)]
    findings += [found for column in reference.columns if column.name not in window.column_names for found in [_vanished(column, n)]]
    if n:
        findings.append(_repeated(window))
        findings.append(_scored(reference, window))
    if n >= LEAST_ROWS:
        for column in reference.columns:
            if column.name in window.column_names:
                findings += _column(column, window, len(reference.columns))
    elif n:
        findings.append(Finding("columns", None, "inconclusive", None, None, n, f"{n} rows; columns are judged from {LEAST_ROWS} on"))
    return DataQuality(_status(findings, n), n, tuple(findings))


def _status(findings: Sequence[Finding], n: int) -> Status:
    found = worst(finding.status for finding in findings)
    return "inconclusive" if found == "not_applicable" or (found == "pass" and not n) else found


def _rows(n: int, usual: Sequence[int]) -> Finding:
    if len(usual) < LEAST_HISTORY:
        status: Status = "pass" if n else "inconclusive"
        return Finding("rows", None, status, n, None, n, f"{n} rows; no earlier windows to compare with" if n else "the window has no rows")
    middle = float(sorted(usual)[len(usual) // 2])
    if n == 0:
        return Finding("rows", None, "inconclusive" if middle == 0 else "fail", 0, middle, 0, f"no rows, usually {middle:.0f}")
    slack = 3 * math.sqrt(max(middle, 1))
    wrong = n < FEWER * middle - slack or n > MORE * middle + slack
    return Finding("rows", None, "fail" if wrong else "pass", n, middle, n, f"{n} rows, usually {middle:.0f}")


def _vanished(column: ColumnSketch, n: int) -> Finding:
    status: Status = "fail" if n else "inconclusive"
    return Finding("vanished", column.name, status, None, None, n, f"column {column.name!r} is no longer there")


def _repeated(window: pa.Table) -> Finding:
    import pyarrow.compute as pc

    n = window.num_rows
    if PREDICTION_ID not in window.column_names:
        return Finding("repeated", None, "inconclusive", None, 0, n, "predictions have no id")
    twice = n - int(pc.count_distinct(window.column(PREDICTION_ID), mode="all").as_py())
    status: Status = "fail" if twice / n >= LEAST_SHARE else "pass"
    return Finding("repeated", None, status, twice / n, 0, n, f"{twice} predictions stand there more than once")


def _scored(reference: Reference, window: pa.Table) -> Finding:
    import numpy as np

    n = window.num_rows
    if SCORE not in window.column_names:
        return Finding("no_score", None, "fail", 1.0, 0, n, "there is no score")
    score = scores_of(window, len(reference.classes))
    known = np.isfinite(score) if score.ndim == 1 else np.isfinite(score).all(axis=1)
    without = int(n - np.count_nonzero(known))
    status: Status = "fail" if without / n >= LEAST_SHARE else "pass"
    return Finding("no_score", None, status, without / n, 0, n, f"{without} predictions have no finite score")


def _column(old: ColumnSketch, window: pa.Table, columns: int) -> list[Finding]:
    n = window.num_rows
    try:
        new = sketch_column(old.name, old.type, window.column(old.name), exact=True)
    except MonitoringError as error:
        return [Finding("type", old.name, "fail", None, None, n, error.found)]
    found = [_missing(old, new, columns)]
    if old.numbers is not None and new.numbers is not None and old.numbers.n and new.numbers.n:
        found += [_out_of_range(old, new, columns), _stuck(old.name, old.numbers.distinct, new.numbers.distinct, new.numbers.n)]
    if old.categories is not None and new.categories is not None and new.categories.n:
        found.append(_stuck(old.name, len(old.categories.counts), len(new.categories.counts), new.categories.n))
    return [finding for finding in found if finding is not None]


def _missing(old: ColumnSketch, new: ColumnSketch, columns: int) -> Finding | None:
    from mlops_assets.monitoring.statistics import two_shares

    before, now = old.missing / max(old.rows, 1), new.missing / new.rows
    if now - before < LEAST_SHARE or two_shares(old.missing, old.rows, new.missing, new.rows) >= ALPHA / columns:
        return None
    return Finding(
        "missing", old.name, "fail", now, before, new.rows, f"{old.name!r} is missing in {now:.1%} of rows, usually {before:.1%}"
    )


def _out_of_range(old: ColumnSketch, new: ColumnSketch, columns: int) -> Finding | None:
    """Of n reference rows from the same distribution, new rows lie outside their range at a rate of about 2 / (n + 1)."""
    from scipy.stats import betabinom

    assert old.numbers is not None
    assert new.numbers is not None
    inside = new.numbers.share_below(_edges(old.numbers.high))[0] - new.numbers.share_below(_edges(old.numbers.low), inclusive=False)[0]
    outside, n = round((1 - float(inside)) * new.numbers.n), new.numbers.n
    if outside / n < LEAST_SHARE or float(betabinom.sf(outside - 1, n, 2, max(old.numbers.n - 1, 1))) >= ALPHA / columns:
        return None
    detail = f"{outside} of {n} values of {old.name!r} lie outside {old.numbers.low:g} … {old.numbers.high:g}"
    return Finding("out_of_range", old.name, "fail", outside / n, 0.0, n, detail)


def _stuck(name: str, before: int, now: int, n: int) -> Finding | None:
    if now > 1 or before < 10 or n < LEAST_ROWS:
        return None
    return Finding("stuck", name, "fail", 1, before, n, f"{name!r} has one value only, {before} in the reference")


def _edges(value: float) -> Array:
    import numpy as np

    return np.array([value])
