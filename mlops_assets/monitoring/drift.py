"""Whether live data left the reference: by column, for the model's score and for the label.

A column counts as drifted when the probability of its change, adjusted for how many columns were looked at, is below the declared rate of
false alarms, and its effect is at least the declared one: see :mod:`mlops_assets.monitoring.column_drift`. Columns, score and label are
three families; each keeps the rate by itself.

The result is three-valued. Where even a large change could not have been told from chance
(:data:`~mlops_assets.monitoring.column_drift.LARGE`), it is inconclusive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.column_drift import ColumnDrift, compare_column, judge_family, read_column
from mlops_assets.monitoring.columns import SCORE, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.parallel import each
from mlops_assets.monitoring.reference import Reference, independent_rows, scores_of, sketch_score
from mlops_assets.monitoring.sketch import sketch_column
from mlops_assets.monitoring.status import Status, worst

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.monitor import DriftRule

SCHEMA = 1


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
        return compare_column(old, read_column(window, old), rule, len(reference.columns), worth, worth_reference, seed + place)

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
            score.append(compare_column(old, new, rule, len(reference.score), worth, 1.0, seed + 1000 + place))
    label = None
    if labels is not None:
        new = sketch_column(TARGET, reference.label.type, labels, exact=True)
        label = judge_family([compare_column(reference.label, new, rule, 1, worth, 1.0, seed + 2000)], rule)[0]
    decided, decided_score = judge_family(columns, rule), judge_family(score, rule)
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


def _drifted_share(columns: Sequence[ColumnDrift], importance: Mapping[str, float]) -> float | None:
    compared = [column for column in columns if column.comparisons]
    if not compared:
        return None
    weight = {column.name: importance.get(column.name, 0.0) if importance else 1.0 for column in compared}
    total = sum(weight.values())
    if not total:
        weight, total = dict.fromkeys(weight, 1.0), float(len(weight))
    return sum(weight[column.name] for column in compared if column.status == "fail") / total
