"""What a model does on its holdout, as plain data: the numbers that gates, plots, people and the model card read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on the holdout; plain JSON data throughout.

    A measured number is ``{"value", "interval": [low, high] | null, "n", "n_effective", "confidence"}``.

    Attributes:
        model: name of the model.
        task: its task.
        main_metric: the metric that decides unless a gate names another.
        rows: ``{"training", "holdout"}``.
        blocks: ``{"unit": entity|time|alike|row, "count", "n_effective"}``: what was drawn together in the bootstrap.
        metrics: measured numbers of the model by metric.
        naive: ``{"method", "metrics", "improvement"}`` of the naive model on the same rows; an improvement is positive where the
            model is better, with the interval of the paired difference.
        champion: the same with ``{"digest", "metrics", "improvement"}``; None without a champion, ``{"error"}`` where it cannot
            score these rows.
        slices: by column, by value: measured metrics of those rows, and ``base_rate``.
        outcomes: share of positives, share of each class, or mean and standard deviation, in ``train`` and ``holdout``.
        calibration: classification: ``{"of", "error", "bins", "histogram", "spiegelhalter"}``, the histogram in equal steps from 0 to 1;
            else None.
        curves: binary: ``{"roc": [[false positive rate, true positive rate]], "pr": [[recall, precision]]}``; else None.
        confusion: classification: ``{"labels", "matrix"}``, rows are what happened; binary at threshold 0.5; else None.
        residuals: regression: quantiles, histogram and mean by predicted value, of prediction minus outcome; else None.
        importance: ``[[feature, share of the total]]``, largest first.
        digests: ``{"bundle", "training_set"}``.
        seed: seed of the bootstrap.
    """

    model: str
    task: str
    main_metric: str
    rows: Mapping[str, int]
    blocks: Mapping[str, Any]
    metrics: Mapping[str, Any]
    naive: Mapping[str, Any]
    champion: Mapping[str, Any] | None
    slices: Mapping[str, Mapping[str, Any]]
    outcomes: Mapping[str, Any]
    calibration: Mapping[str, Any] | None
    curves: Mapping[str, Any] | None
    confusion: Mapping[str, Any] | None
    residuals: Mapping[str, Any] | None
    importance: list[list[Any]]
    digests: Mapping[str, str]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """As plain data, with its schema version."""
        return {"schema": SCHEMA, **asdict(self)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Evaluation:
        """Inverse of :meth:`to_json`; keys that a later version added are passed over."""
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})
