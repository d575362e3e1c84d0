"""Whether live data left the reference: by column, for the model's score and for the label.

Every comparison has an effect, whose size does not depend on how many rows there are, and the probability of the like of it when nothing
changed, which does. A column counts as drifted when that probability, adjusted for how many columns were looked at, is below the
declared rate of false alarms, and its effect is at least the declared one. Columns, score and label are three families: each keeps
the rate by itself.

Effects: for numbers the larger of the KS distance (share of rows) and the Wasserstein distance (standard deviations of the
reference); for categories, missing values and values that were never seen, the Jensen-Shannon distance.

The result is three-valued. Where even a large change could not have been told from chance (:data:`LARGE`), it is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.columns import SCORE, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.parallel import each
from mlops_assets.monitoring.reference import Reference, independent_rows, scores_of, sketch_score
from mlops_assets.monitoring.sketch import ColumnSketch, sketch_column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.spec.monitor import DriftRule

    Array = np.ndarray[Any, np.dtype[Any]]

Status = Literal["pass", "fail", "inconclusive", "not_applicable"]
Condition = Literal["compared", "few_rows", "empty", "all_missing", "vanished", "changed_type", "time", "never_filled"]

LARGE = 0.5
"""A window in which a change this large (KS distance) could pass unseen says nothing about a column."""
SHOWN = 10
SCHEMA = 1


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
        statistics: ks, wasserstein, psi, jensen_shannon, chi_square, as far as they apply.
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


@dataclass(frozen=True)
class Drift:
    """A window beside the reference.

    Attributes:
        model, bundle: what the reference belongs to.
        status: fail where columns or score drifted, or the label; else inconclusive where columns or score could not be told; else pass.
        n: rows of the window; ``n_effective`` independent ones among them.
        columns: by feature.
        score: of the model's score, or of each class; empty where the window has none.
        label: of the labels, where there are some.
        drift_score: share of the model's importance that lies on drifted features (of the features, where importance is unknown); None
            where no feature could be compared.
        score_psi: the largest population stability index of the score; None where it could not be compared.
        score_drift: the largest effect on the score.
        rule: what counted as drift.
    """

    model: str
    bundle: str
    status: Status
    n: int
    n_effective: int
    columns: tuple[ColumnDrift, ...]
    score: tuple[ColumnDrift, ...]
    label: ColumnDrift | None
    drift_score: float | None
    score_psi: float | None
    score_drift: float | None
    rule: Mapping[str, float]

    @property
    def drifted(self) -> list[str]:
        """Names of the features that drifted, the largest effect first."""
        found = [column for column in self.columns if column.status == "fail"]
        return [column.name for column in sorted(found, key=lambda column: (-(column.effect or 0), column.name))]

    @property
    def score_status(self) -> Status:
        """Of the score alone: what a retraining policy reads."""
        return worst(column.status for column in self.score) if self.score else "inconclusive"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        body = asdict(self)
        return {"schema": SCHEMA, **body, "drifted": self.drifted, "score_status": self.score_status}


def measure_drift(
    reference: Reference,
    window: pa.Table,
    rule: DriftRule,
    *,
    labels: pa.ChunkedArray | pa.Array | None = None,
    entity: Sequence[str] | None = None,
    seed: int = 7,
) -> Drift:
    """Compare a window of predictions with the reference.

    Args:
        reference: of the version that made the predictions.
        window: their features and score, columns as in :mod:`mlops_assets.monitoring.columns`; may be empty.
        rule: false alarm rate and least effect.
        labels: targets that matured in the window, as they stand in the data; None where there are none yet.
        entity: key columns, by which repeated rows count once as evidence; default: the reference's.
        seed: of random divisions, where the null is drawn.

    Raises:
        MonitoringError: when the score has another number of classes. Odd data is a finding, not an error.
    """
    n, effective = window.num_rows, independent_rows(window, reference.entity if entity is None else entity)
    worth = effective / n if n else 1.0
    worth_reference = reference.rows_effective / reference.rows if reference.rows else 1.0

    def compared(place: int) -> ColumnDrift:
        old = reference.columns[place]
        return _compare(old, _read(window, old), rule, len(reference.columns), worth, worth_reference, seed + place)

    columns = each(compared, range(len(reference.columns)), numbers=n * len(reference.columns))
    score: list[ColumnDrift] = []
    if SCORE in window.column_names:
        current = sketch_score(scores_of(window, len(reference.score)), reference.classes if len(reference.score) > 1 else (), exact=True)
        if len(current) != len(reference.score):
            raise MonitoringError(
                f"the window's score has {len(current)} numbers a row, the reference {len(reference.score)}.",
                do="Compare a version's predictions with its own reference.",
            )
        for place, (old, new) in enumerate(zip(reference.score, current, strict=True)):
            score.append(_compare(old, new, rule, len(reference.score), worth, 1.0, seed + 1000 + place))
    label = None
    if labels is not None:
        new = sketch_column(TARGET, reference.label.type, labels, exact=True)
        label = _decide([_compare(reference.label, new, rule, 1, worth, 1.0, seed + 2000)], rule)[0]
    decided, decided_score = _decide(columns, rule), _decide(score, rule)
    parts = [worst(c.status for c in decided), worst(c.status for c in decided_score) if score else "inconclusive"]
    if label is not None and label.status == "fail":
        parts.append("fail")
    psi = [c.statistics["psi"] for c in decided_score if c.statistics and c.condition == "compared"]
    return Drift(
        model=reference.model,
        bundle=reference.bundle,
        status=worst(parts),
        n=n,
        n_effective=effective,
        columns=tuple(decided),
        score=tuple(decided_score),
        label=label,
        drift_score=_drifted_share(decided, reference.importance),
        score_psi=max(psi, default=None),
        score_drift=max((c.effect for c in decided_score if c.effect is not None and c.condition == "compared"), default=None),
        rule={"false_alarm_rate": rule.false_alarm_rate, "min_effect": rule.min_effect},
    )


def worst(statuses: Any) -> Status:
    """fail before inconclusive before pass; not_applicable where nothing else is there."""
    found = set(statuses)
    order: tuple[Status, ...] = ("fail", "inconclusive", "pass")
    return next((status for status in order if status in found), "not_applicable")


def _read(window: pa.Table, old: ColumnSketch) -> ColumnSketch | Condition:
    if old.name not in window.column_names:
        return "vanished"
    try:
        return sketch_column(old.name, old.type, window.column(old.name), exact=True)
    except MonitoringError:
        return "changed_type"


def _compare(
    old: ColumnSketch, new: ColumnSketch | Condition, rule: DriftRule, family: int, worth: float, worth_reference: float, seed: int
) -> ColumnDrift:
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


def _decide(columns: Sequence[ColumnDrift], rule: DriftRule) -> list[ColumnDrift]:
    """Adjust the probabilities of one family and judge each of its columns."""
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


def _drifted_share(columns: Sequence[ColumnDrift], importance: Mapping[str, float]) -> float | None:
    compared = [column for column in columns if column.comparisons]
    if not compared:
        return None
    weight = {column.name: importance.get(column.name, 0.0) if importance else 1.0 for column in compared}
    total = sum(weight.values())
    if not total:
        weight, total = dict.fromkeys(weight, 1.0), float(len(weight))
    return sum(weight[column.name] for column in compared if column.status == "fail") / total
