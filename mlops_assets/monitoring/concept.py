"""Whether what the inputs mean has changed: the stream of the model's errors, watched by ADWIN.

ADWIN keeps a window of errors and cuts its old part off when the means of old and new differ by more than chance
(A. Bifet and R. Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing", SDM 2007), in river's implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[Any, np.dtype[Any]]

CONFIDENCE = 0.002
"""ADWIN's delta: the chance of a cut at any one moment of a stream that does not change."""
LEAST = 200
"""With fewer errors a stream is too short to be judged."""


@dataclass(frozen=True)
class Change:
    """A place in the stream from which errors have another mean.

    Attributes:
        index: the row at which it was noticed; ``at`` its time, if times were given.
        before, after: mean errors of the part that was cut off, and from there to the next change.
    """

    index: int
    at: datetime | None
    before: float
    after: float


@dataclass(frozen=True)
class ConceptDrift:
    """Changes for the worse in a stream of errors.

    Attributes:
        status: fail where errors rose and have not come back by at least half of it; inconclusive with fewer than :data:`LEAST`
            errors; else pass.
        n: errors.
        changes: rises and falls, in order.
        before, now: mean error before the first change, and in ADWIN's present window.
    """

    status: Literal["pass", "fail", "inconclusive"]
    n: int
    changes: tuple[Change, ...]
    before: float | None
    now: float | None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        body = asdict(self)
        body["changes"] = [{**asdict(c), "at": None if c.at is None else c.at.isoformat()} for c in self.changes]
        return body


def concept_drift(errors: Array, times: Sequence[datetime] | None = None, *, delta: float = CONFIDENCE) -> ConceptDrift:
    """Watch errors ``(n,)`` in the order of their predictions; those that are not finite are left out."""
    import numpy as np
    from river.drift import ADWIN

    known = np.flatnonzero(np.isfinite(errors))
    if len(known) < LEAST:
        return ConceptDrift("inconclusive", len(known), (), None, float(np.mean(errors[known])) if len(known) else None)
    values = np.asarray(errors, float)[known]
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
        return ConceptDrift("pass", len(known), (), now, now)
    ends = [*(index for index, _ in noticed[1:]), len(values)]
    changes = [
        Change(int(known[index]), None if times is None else times[int(known[index])], before, float(values[index:end].mean()))
        for (index, before), end in zip(noticed, ends, strict=True)
    ]
    before = changes[0].before
    rise = max(change.after - change.before for change in changes)
    status: Literal["pass", "fail"] = "fail" if rise > 0 and now - before > rise / 2 else "pass"
    return ConceptDrift(status, len(known), tuple(changes), before, now)


def error_stream(outcomes: pa.Table, score: Array, y: Array, task: str) -> tuple[Array, list[datetime]]:
    """Errors of labelled outcomes in order of time: the pointwise loss of :func:`mlops_assets.modeling.metrics.pointwise_loss`."""
    import numpy as np

    from mlops_assets.modeling.metrics import pointwise_loss
    from mlops_assets.monitoring.columns import PREDICTED_AT

    times = outcomes.column(PREDICTED_AT).to_pylist()
    order = np.argsort(outcomes.column(PREDICTED_AT).to_numpy(), kind="stable")
    return pointwise_loss(y, score, task)[order], [times[place] for place in order]
