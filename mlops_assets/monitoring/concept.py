"""Whether what the inputs mean has changed: the stream of the model's errors, watched by ADWIN.

ADWIN keeps a window of errors and cuts its old part off when the means of old and new differ by more than chance
(A. Bifet and R. Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007), in river's implementation.

A partition of outcomes gives its part of the stream once, as at most :data:`NUMBERS` means of neighbouring errors. The stream of a
version is its parts one after the other, so that every partition costs the same however long the stream is, and the same parts give
the same answer, whoever reads them and when.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.monitoring.performance import labelled_rows

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlops_assets.monitoring.reference import Reference
    from mlops_assets.spec.monitor import ConceptRule

    Array = np.ndarray[Any, np.dtype[Any]]

LEAST = 200
"""With fewer numbers a stream is too short to be judged."""
NUMBERS = 200
"""What a partition gives to the stream at most."""
DIGITS = 9


@dataclass(frozen=True)
class ErrorPart:
    """Errors of one version in one partition of outcomes.

    Attributes:
        rows: labelled predictions.
        means: mean errors of neighbours, in order of time; single errors where they are few.
    """

    rows: int
    means: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"rows": self.rows, "means": list(self.means)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> ErrorPart:
        """Inverse of :meth:`to_json`."""
        return cls(body["rows"], tuple(body["means"]))


@dataclass(frozen=True)
class Change:
    """A place in the stream from which errors have another mean.

    Attributes:
        index: the number at which it was noticed; ``at`` its partition, if partitions were given.
        before, after: mean errors of the part that was cut off, and from there to the next change.
    """

    index: int
    at: str | None
    before: float
    after: float


@dataclass(frozen=True)
class ConceptDrift:
    """Changes for the worse in a stream of errors.

    Attributes:
        status: fail where errors rose by at least the declared share and have not come back by at least half of it; inconclusive with
            fewer than :data:`LEAST` numbers; else pass.
        n: numbers in the stream; ``rows`` errors that they stand for.
        changes: rises and falls, in order.
        before, now: mean error before the first change, and in ADWIN's present window.
        detail: the finding in words.
    """

    status: Literal["pass", "fail", "inconclusive"]
    n: int
    rows: int
    changes: tuple[Change, ...]
    before: float | None
    now: float | None
    detail: str = ""

    @property
    def rise(self) -> float | None:
        """How much larger errors are than before the first change, as a share of what they were."""
        if self.before is None or self.now is None:
            return None
        return (self.now - self.before) / self.before if self.before > 0 else math.inf if self.now > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain data; a rise from nothing is None."""
        rise = self.rise
        return {**asdict(self), "changes": [asdict(c) for c in self.changes], "rise": rise if rise is None or math.isfinite(rise) else None}


def error_part(reference: Reference, outcomes: pa.Table) -> ErrorPart:
    """The part of the stream that outcomes of the reference's version give; rows without target or score are left out."""
    y, score, rows = labelled_rows(reference, outcomes)
    if not rows.num_rows:
        return ErrorPart(0, ())
    return shorten(error_stream(rows, score, y, reference.task))


def shorten(errors: Array) -> ErrorPart:
    """At most :data:`NUMBERS` means of neighbouring errors ``(n,)``, which differ by one at most in how many they stand for."""
    import numpy as np

    known = np.asarray(errors, float)[np.isfinite(errors)]
    if not len(known):
        return ErrorPart(0, ())
    count = min(len(known), NUMBERS)
    edges = np.arange(count) * len(known) // count
    sizes = np.diff([*edges, len(known)])
    return ErrorPart(len(known), tuple(float(f"{mean:.{DIGITS}g}") for mean in np.add.reduceat(known, edges) / sizes))


def watch_errors(parts: Mapping[str | None, ErrorPart], rule: ConceptRule) -> ConceptDrift:
    """Watch the parts of a version's stream, oldest first, by their partition."""
    means = [mean for part in parts.values() for mean in part.means]
    at = [str(key) for key, part in parts.items() for _ in part.means]
    found = concept_drift(means, at, delta=rule.false_alarm_rate, min_effect=rule.min_effect)
    return replace(found, rows=sum(part.rows for part in parts.values()))


def concept_drift(
    errors: Array | Sequence[float], at: Sequence[str] | None = None, *, delta: float, min_effect: float = 0.0
) -> ConceptDrift:
    """Watch errors ``(n,)`` in the order of their predictions; those that are not finite are left out.

    Args:
        errors: losses, larger is worse.
        at: where each belongs.
        delta: ADWIN's: the bound on the chance of a cut at one look at a stream that does not change.
        min_effect: rises of the mean below this share of it are no failure.
    """
    import numpy as np
    from river.drift import ADWIN

    errors = np.asarray(errors, float)
    known = np.flatnonzero(np.isfinite(errors))
    values = errors[known]
    if len(values) < LEAST:
        said = f"{len(values)} errors, at least {LEAST} are needed" if len(values) else "there is no error to watch yet"
        return ConceptDrift("inconclusive", len(values), len(values), (), None, float(values.mean()) if len(values) else None, said)
    scale = float(np.abs(values).max()) or 1.0
    detector: Any = ADWIN(delta=delta)  # type: ignore[no-untyped-call]
    noticed: list[tuple[int, float]] = []
    start = 0
    for index, value in enumerate((values / scale).tolist()):
        detector.update(value)
        if detector.drift_detected:
            kept = index + 1 - int(detector.width)
            noticed.append((index, float(values[start : max(start + 1, kept)].mean())))
            start = max(start, kept)
    now = float(values[len(values) - int(detector.width) :].mean())
    if not noticed:
        return ConceptDrift("pass", len(values), len(values), (), now, now, f"errors stayed at {now:.4g} on average")
    ends = [*(index for index, _ in noticed[1:]), len(values)]
    changes = tuple(
        Change(int(known[index]), None if at is None else at[int(known[index])], before, float(values[index:end].mean()))
        for (index, before), end in zip(noticed, ends, strict=True)
    )
    found = ConceptDrift("pass", len(values), len(values), changes, changes[0].before, now)
    return replace(found, **_judged(found, min_effect))


def _judged(found: ConceptDrift, min_effect: float) -> dict[str, Any]:
    worst = max(found.changes, key=lambda change: change.after - change.before)
    before, now, rise, most = found.before or 0.0, found.now or 0.0, found.rise or 0.0, worst.after - worst.before
    said = f"errors went from {before:.4g} to {now:.4g} on average"
    if most <= 0 or now - before <= most / 2:
        return {"detail": f"{said}, {len(found.changes)} change{'' if len(found.changes) == 1 else 's'} that did not stay for the worse"}
    where = f" since {worst.at}" if worst.at is not None else ""
    if rise < min_effect:
        return {"detail": f"{said}{where}, less than {min_effect:.0%} more"}
    return {"status": "fail", "detail": f"{said}{where}"}


def error_stream(outcomes: pa.Table, score: Array, y: Array, task: str) -> Array:
    """Errors of labelled outcomes in order of time: :func:`mlops_assets.modeling.metrics.pointwise.pointwise_loss`."""
    import numpy as np

    from mlops_assets.modeling.metrics.pointwise import pointwise_loss
    from mlops_assets.monitoring.columns import PREDICTED_AT

    order = np.argsort(outcomes.column(PREDICTED_AT).to_numpy(), kind="stable")
    return pointwise_loss(y, score, task)[order]
