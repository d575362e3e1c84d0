"""What is watched while a model serves, and who is told."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import Share, Spec, parse_share
from mlops_assets.spec.durations import Duration


class DriftRule(Spec):
    """When a column counts as drifted."""

    false_alarm_rate: Share = Field(0.01, description="Share of windows without drift that may alarm.")
    min_effect: float = Field(0.1, ge=0, description="Smaller effects never alarm, however many rows show them.")


class ConceptRule(Spec):
    """When the errors of a model count as risen."""

    false_alarm_rate: Share = Field(0.002, gt=0, lt=1, description="ADWIN's delta: chance of an alarm at a look, while errors stay.")
    min_effect: float = Field(0.1, ge=0, description="Smaller rises of the mean error, as a share of it, never alarm.")


class PerformanceRule(Spec):
    """How performance is measured on matured labels."""

    metric: str | None = Field(None, description="Default: the task's main metric.")
    min_coverage: Share = Field(0.5, description="With labels for fewer predictions than this the answer is inconclusive.")


class Alert(Spec):
    """A rule over journal, outcomes and assets."""

    metric: str = Field(description="latency_ms, error_rate, drift_score or a metric of the task.")
    aggregate: Literal["mean", "p50", "p95", "p99", "max"] | None = Field(None, description="How values in the window become one.")
    above: float | str | None = Field(None, description="Fires when the value is greater.")
    below: float | str | None = Field(None, description="Fires when the value is less.")
    over: Duration | None = Field(None, description="Window of the value; default: the newest partition.")
    for_: Duration | None = Field(None, alias="for", description="How long it must hold before the alert fires.")
    min_samples: int = Field(1, ge=1, description="Fewer samples are inconclusive.")
    severity: Literal["info", "warning", "critical"] = Field("warning", description="How bad it is.")
    notify: tuple[str, ...] = Field((), description="Channels, defined in the settings.")
    do: Literal["rollback", "retrain", "incident"] | None = Field(None, description="What it asks for, beside telling people.")

    @model_validator(mode="after")
    def _one_bound(self) -> Alert:
        object.__setattr__(self, "above", parse_share(self.above))
        object.__setattr__(self, "below", parse_share(self.below))
        if (self.above is None) == (self.below is None):
            raise ValueError("an alert needs exactly one of above and below")
        return self


class Monitor(Spec):
    """Windows, drift of inputs and of what they mean, performance and alerts."""

    window: Duration = Field(Duration(7, "day"), description="How much recent data is compared with the reference.")
    drift: DriftRule = Field(DriftRule(), description="When a column counts as drifted.")
    concept: ConceptRule = Field(ConceptRule(), description="When the errors of the model count as risen.")
    performance: PerformanceRule = Field(PerformanceRule(), description="How performance is measured.")
    estimate_performance: bool = Field(False, description="Estimate performance before labels arrive.")
    alerts: tuple[Alert, ...] = Field((), description="Rules that notify and act.")
