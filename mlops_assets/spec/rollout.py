"""How a new version takes over traffic. :data:`STRATEGIES` is the table of all the ways that there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from mlops_assets.spec.base import Share, Spec, parse_share
from mlops_assets.spec.durations import Duration


@dataclass(frozen=True)
class Strategy:
    """One way for a new version to take over.

    Attributes:
        at_once: whether it takes all traffic in one event, without a time beside the champion.
        needs_steps: whether the shares of traffic on the way must be declared.
        seen: whether callers get the answers of the new version while it stands beside the champion.
    """

    at_once: bool = False
    needs_steps: bool = False
    seen: bool = True


STRATEGIES: dict[str, Strategy] = {
    "direct": Strategy(at_once=True),
    "blue_green": Strategy(),
    "canary": Strategy(needs_steps=True),
    "shadow": Strategy(seen=False),
    "ab_test": Strategy(),
}
UNSEEN = frozenset(name for name, strategy in STRATEGIES.items() if not strategy.seen)
"""Strategies whose new version answers nobody yet."""

# A type checker reads a Literal only as it is written.
if TYPE_CHECKING:
    StrategyName = str
else:
    StrategyName = Literal[tuple(STRATEGIES)]


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

    strategy: StrategyName = Field("direct", description="How traffic moves.")
    steps: tuple[Share, ...] = Field((), description="Shares of traffic, rising; 100 % comes last by itself.")
    each_step: Waiting = Field(Waiting(), description="How much evidence and time a step needs.")
    analysis: tuple[Analysis, ...] = Field((), description="Comparisons; the worst decides.")
    on_inconclusive: Literal["pause", "rollback"] = Field("pause", description="pause waits for a person.")
    on_failure: Literal["rollback", "pause"] = Field("rollback", description="What a failed analysis does.")

    @model_validator(mode="after")
    def _steps_rise(self) -> Rollout:
        if any(b <= a for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise ValueError(f"steps must rise; found {', '.join(f'{s:.0%}' for s in self.steps)}")
        if STRATEGIES[self.strategy].needs_steps and not self.steps:
            raise ValueError(f"a {self.strategy} needs steps, for example [5%, 25%, 50%]")
        return self

    @property
    def at_once(self) -> bool:
        """Whether a new version takes all traffic in one event."""
        return STRATEGIES[self.strategy].at_once
