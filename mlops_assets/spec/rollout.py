"""How a new version takes over traffic."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import Share, Spec, parse_share
from mlops_assets.spec.durations import Duration


class Analysis(Spec):
    """One comparison that a rollout step must survive."""

    metric: str = Field(description="error_rate, latency_p50_ms, latency_p95_ms, latency_p99_ms, score_psi or a metric of the task.")
    versus: Literal["champion"] | None = Field(None, description="Compare with the champion over the same time.")
    margin: float | str | None = Field(None, description="How much worse than the champion it may be.")
    at_most: float | str | None = Field(None, description="Largest value that passes.")
    at_least: float | str | None = Field(None, description="Smallest value that passes.")

    @model_validator(mode="after")
    def _shares_are_numbers(self) -> Analysis:
        for field in ("margin", "at_most", "at_least"):
            object.__setattr__(self, field, parse_share(getattr(self, field)))
        if self.versus is None and self.at_most is None and self.at_least is None:
            raise ValueError("an analysis needs versus, at_most or at_least")
        return self


class Waiting(Spec):
    """How long something must hold; a step of a rollout."""

    min_requests: int = Field(500, ge=1, description="Least number of requests before a step may end.")
    min_duration: Duration = Field(Duration(10, "minute"), description="Least time before a step may end.")
    max_duration: Duration = Field(Duration(2, "day"), description="After this a step without a decision is inconclusive.")


class Rollout(Spec):
    """Strategy, steps and analysis. The first model has no control and goes by `direct`."""

    strategy: Literal["direct", "blue_green", "canary", "shadow", "ab_test"] = Field("direct", description="How traffic moves.")
    steps: tuple[Share, ...] = Field((), description="Shares of traffic, rising; 100 % comes last by itself.")
    each_step: Waiting = Field(Waiting(), description="How much evidence and time a step needs.")
    analysis: tuple[Analysis, ...] = Field((), description="Comparisons; the worst decides.")
    on_inconclusive: Literal["pause", "rollback"] = Field("pause", description="pause waits for a person.")
    on_failure: Literal["rollback", "pause"] = Field("rollback", description="What a failed analysis does.")

    @model_validator(mode="after")
    def _steps_rise(self) -> Rollout:
        if any(b <= a for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise ValueError(f"steps must rise; found {', '.join(f'{s:.0%}' for s in self.steps)}")
        if self.strategy == "canary" and not self.steps:
            raise ValueError("a canary needs steps, for example [5%, 25%, 50%]")
        return self
