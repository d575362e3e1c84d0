"""One column of a window beside its reference: what may have changed, and whether it drifted among the columns looked at with it.

Every comparison has an effect, whose size does not depend on how many rows there are, and the probability of the like of it when nothing
changed, which does. Effects: for numbers the larger of the KS distance (share of rows) and the Wasserstein distance (standard deviations of
the reference); for categories, missing values and values that were never seen, the Jensen-Shannon distance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column
from mlops_assets.monitoring.status import Status

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.monitor import DriftRule

Condition = Literal["compared", "few_rows", "empty", "all_missing", "vanished", "changed_type", "time", "never_filled"]

LARGE = 0.5
"""A window in which a change this large (KS distance) could pass unseen says nothing about a column."""
SHOWN = 10
STATISTICS = ("psi", "ks", "wasserstein", "jensen_shannon", "chi_square")
"""What is measured of a column, as far as it applies; functions of :mod:`mlops_assets.monitoring.statistics`."""


@dataclass(frozen=True)
class Comparison:
    """One way in which a column may have changed.

    Attributes:
        aspect: distribution, missing or unseen (values that the reference never held).
        effect: its size.
        p: probability of the like when nothing changed; ``q`` the same adjusted for all columns.
        drifted: whether both limits are crossed.
    """

    aspect: Literal["distribution", "missing", "unseen"]
    effect: float
    p: float
    q: float = 1.0
    drifted: bool = False


@dataclass(frozen=True)
class ColumnDrift:
    """One column of the window beside the reference.

    Attributes:
        name: of the column.
        status: pass, fail, inconclusive, or not_applicable for times.
        condition: what was found there: ``compared``, or why not.
        n: rows with a value; ``n_reference`` those of the reference.
        missing: share of rows without a value; ``missing_reference`` that of the reference.
        comparisons: what was tested.
        detectable: the smallest change (KS distance) that so many rows can show.
        statistics: those of :data:`STATISTICS` that apply.
        unseen: values that the reference never held, with rows; ``vanished`` values that are no longer there, with their expected rows.
        detail: the finding in words.
    """

    name: str
    status: Status
    condition: Condition
    n: int
    n_reference: int
    missing: float
    missing_reference: float
    comparisons: tuple[Comparison, ...] = ()
    detectable: float | None = None
    statistics: Mapping[str, float] | None = None
    unseen: tuple[tuple[str, int], ...] = ()
    vanished: tuple[tuple[str, int], ...] = ()
    detail: str = ""

    @property
    def effect(self) -> float | None:
        """The largest effect that was measured."""
        return max((c.effect for c in self.comparisons), default=None)


def read_column(window: pa.Table, old: ColumnSketch) -> ColumnSketch | Condition:
    """The exact sketch of a reference's column in the window, or why there is none."""
    if old.name not in window.column_names:
        return "vanished"
    try:
        return sketch_column(old.name, old.type, window.column(old.name), exact=True)
    except MonitoringError:
        return "changed_type"


def compare_column(
    old: ColumnSketch, new: ColumnSketch | Condition, rule: DriftRule, family: int, worth: float, worth_reference: float, seed: int
) -> ColumnDrift:
    """Compare a column with its reference; not judged yet, which takes the whole family: :func:`judge_family`.

    Args:
        old: the sketch of the reference.
        new: that of the window, or why there is none.
        rule: false alarm rate and least effect.
        family: how many columns are looked at together.
        worth, worth_reference: independent rows a row of the window, and of the reference.
        seed: of random divisions, where the null is drawn.
    """
    old_missing = old.missing / old.rows if old.rows else 0.0
    known = old.rows - old.missing
    if not isinstance(new, ColumnSketch):
        found = "is no longer there" if new == "vanished" else f"no longer holds {old.type}"
        return ColumnDrift(old.name, "inconclusive", new, 0, known, 1.0, old_missing, detail=f"the column {found}")
    n = new.rows - new.missing
    base = ColumnDrift(old.name, "inconclusive", "compared", n, known, new.missing / new.rows if new.rows else 0.0, old_missing)
    if new.rows == 0:
        return replace(base, condition="empty", detail="the window has no rows")
    if known == 0 and n == 0:
        return replace(base, status="not_applicable", condition="never_filled", detail="the reference holds no value either")
    if n == 0:
        return replace(base, condition="all_missing", detail=f"every value is missing; {old_missing:.1%} in the reference")
    from mlops_assets.monitoring.statistics import ks_detectable

    alpha = rule.false_alarm_rate / max(family, 1)
    enough = ks_detectable(alpha, old.rows * worth_reference, new.rows * worth) <= LARGE
    missing = (_missing(old, new, worth, worth_reference),) if enough and old.missing + new.missing else ()
    if old.kind == "time":
        return replace(base, condition="time" if enough else "few_rows", comparisons=missing)
    if known == 0:
        return replace(base, comparisons=missing, detail=f"the reference holds no value, the window {n}")
    n_old, n_new = max(known * worth_reference, 1.0), max(n * worth, 1.0)
    detectable = ks_detectable(alpha, n_old, n_new)
    base = replace(base, detectable=detectable)
    if detectable > LARGE:
        return replace(base, condition="few_rows", comparisons=missing)
    comparisons, measured, unseen, vanished = _distribution(old, new, n_old, n_new, (worth_reference, worth), seed)
    return replace(base, comparisons=(*comparisons, *missing), statistics=measured, unseen=unseen, vanished=vanished)


def judge_family(columns: Sequence[ColumnDrift], rule: DriftRule) -> list[ColumnDrift]:
    """Adjust the probabilities of columns that are looked at together, and judge each of them."""
    from mlops_assets.monitoring.statistics import adjusted

    keyed = {(place, c.aspect): c.p for place, column in enumerate(columns) for c in column.comparisons}
    q = adjusted(keyed)
    result = []
    for place, column in enumerate(columns):
        tested = tuple(
            replace(c, q=q[place, c.aspect], drifted=q[place, c.aspect] < rule.false_alarm_rate and c.effect >= rule.min_effect)
            for c in column.comparisons
        )
        result.append(_judged(replace(column, comparisons=tested)))
    return result


def _distribution(
    old: ColumnSketch, new: ColumnSketch, n_old: float, n_new: float, worth: tuple[float, float], seed: int
) -> tuple[list[Comparison], dict[str, float], tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    import numpy as np

    from mlops_assets.monitoring import statistics

    old_share, new_share = statistics.shares(old, new)
    measured = {"psi": statistics.psi(old_share, new_share), "jensen_shannon": statistics.jensen_shannon(old_share, new_share)}
    if old.numbers is not None and new.numbers is not None:
        measured["ks"] = statistics.ks(old.numbers, new.numbers)
        measured["wasserstein"] = statistics.wasserstein(old.numbers, new.numbers)
        p = statistics.ks_probability(measured["ks"], n_old, n_new)
        return [Comparison("distribution", max(measured["ks"], measured["wasserstein"]), p)], measured, (), ()
    assert old.categories is not None
    assert new.categories is not None
    a, b = statistics.align(old.categories, new.categories)
    measured["chi_square"], p = statistics.chi_square(a, b, seed=seed, worth=worth)
    comparisons = [Comparison("distribution", measured["jensen_shannon"], p)]
    unseen, vanished = _values(old, new, n_new)
    if not old.categories.other:
        rows = sum(count for value, count in new.categories.counts.items() if value not in old.categories.counts)
        share, expected = rows / max(new.categories.n, 1), old.categories.singletons / max(old.categories.n, 1)
        effect = statistics.jensen_shannon(np.array([expected, 1 - expected]), np.array([share, 1 - share])) if share > expected else 0.0
        p = statistics.unseen_probability(rows * worth[1], n_new, old.categories.singletons, old.categories.n)
        comparisons.append(Comparison("unseen", effect, p))
    return comparisons, measured, unseen, vanished


def _values(old: ColumnSketch, new: ColumnSketch, n_new: float) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """Values that came, and those that went although chance would have kept them (one in a thousand), by rows."""
    assert old.categories is not None
    assert new.categories is not None
    came = [(value, int(count)) for value, count in new.categories.counts.items() if value not in old.categories.counts]
    went = [
        (value, round(count / old.categories.n * new.categories.n))
        for value, count in old.categories.counts.items()
        if value not in new.categories.counts and count / old.categories.n * n_new > -math.log(0.001)
    ]
    return (tuple(came[:SHOWN]) if not old.categories.other else ()), tuple(went[:SHOWN])


def _missing(old: ColumnSketch, new: ColumnSketch, worth: float, worth_reference: float) -> Comparison:
    import numpy as np

    from mlops_assets.monitoring import statistics

    a, b = old.missing / max(old.rows, 1), new.missing / new.rows
    effect = statistics.jensen_shannon(np.array([a, 1 - a]), np.array([b, 1 - b]))
    p = statistics.two_shares(old.missing * worth_reference, old.rows * worth_reference, new.missing * worth, new.rows * worth)
    return Comparison("missing", effect, p)


def _judged(column: ColumnDrift) -> ColumnDrift:
    drifted = [c for c in column.comparisons if c.drifted]
    if drifted:
        return replace(column, status="fail", detail="; ".join(_words(column, c) for c in drifted))
    if column.detail or column.status == "not_applicable":
        return column
    if column.condition == "few_rows":
        return replace(column, detail=f"{column.n} rows cannot show a change of {LARGE}")
    if column.condition == "time":
        return replace(column, status="not_applicable", detail="times are not compared, only their missing values")
    return replace(column, status="pass", detail="within the reference")


def _words(column: ColumnDrift, found: Comparison) -> str:
    chance = f"effect {found.effect:.3g}, q = {found.q:.2g}"
    if found.aspect == "missing":
        return f"missing in {column.missing:.1%} of rows, {column.missing_reference:.1%} in the reference ({chance})"
    if found.aspect == "unseen":
        return f"new values {', '.join(repr(value) for value, _ in column.unseen)} ({chance})"
    gone = f", {', '.join(repr(value) for value, _ in column.vanished)} vanished" if column.vanished else ""
    return f"another distribution{gone} ({chance})"
