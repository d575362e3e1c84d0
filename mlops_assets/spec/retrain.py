"""When a model is trained again."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator, model_validator

from mlops_assets.spec.base import Spec
from mlops_assets.spec.durations import Duration


class Drop(Spec):
    """A fall below the value at the gate."""

    drop: float = Field(gt=0, description="How far below the value at the gate.")


class ScoreDrift(Spec):
    """A change in the distribution of the model's score."""

    psi: float = Field(gt=0, description="Population stability index of the score against the holdout.")


class Trigger(Spec):
    """Exactly one reason to retrain."""

    performance: Drop | None = Field(None, description="Measured performance fell.")
    estimated_performance: Drop | None = Field(None, description="Estimated performance fell.")
    score_drift: ScoreDrift | None = Field(None, description="The score's distribution changed.")
    age: Duration | None = Field(None, description="The champion is this old.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Trigger:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}; found {' and '.join(given) or 'none'}")
        return self


class When(Spec):
    """Any or all of the triggers."""

    any: tuple[Trigger, ...] = Field((), description="One is enough.")
    all: tuple[Trigger, ...] = Field((), description="Every one is needed.")

    @model_validator(mode="after")
    def _exactly_one(self) -> When:
        if bool(self.any) == bool(self.all):
            raise ValueError("give exactly one of any and all, with at least one trigger")
        return self


class Confirm(Spec):
    """How many of the last windows must show it."""

    hits: int = Field(ge=1, description="At least this many …")
    of: int = Field(ge=1, description="… of this many windows.")


class Budget(Spec):
    """The most retrainings in a stretch of time."""

    count: int = Field(ge=1, description="At most this many …")
    per: Duration = Field(description="… in this long.")


class Retrain(Spec):
    """The retraining policy. A retrained model takes the same road as any other."""

    when: When | None = Field(None, description="Triggers; absent: only the schedule or a hand.")
    schedule: str | None = Field(None, description="Cron, or hourly, daily, weekly, monthly.")
    confirm: Confirm = Field(Confirm(hits=1, of=1), description="Written `2 of 3`.")
    cooldown: Duration = Field(Duration(1, "day"), description="Least time between two retrainings.")
    budget: Budget = Field(Budget(count=4, per=Duration(30, "day")), description="Written `4 per 30d`.")

    @field_validator("confirm", mode="before", json_schema_input_type=Confirm | str)
    @classmethod
    def _confirm(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = re.fullmatch(r"\s*(\d+)\s+of\s+(\d+)\s*", value)
            if match is None or not 1 <= int(match.group(1)) <= int(match.group(2)):
                raise ValueError(f"{value!r} is not a confirmation; write for example `2 of 3`")
            return {"hits": int(match.group(1)), "of": int(match.group(2))}
        return value

    @field_validator("budget", mode="before", json_schema_input_type=Budget | str)
    @classmethod
    def _budget(cls, value: Any) -> Any:
        if isinstance(value, str):
            match = re.fullmatch(r"\s*(\d+)\s+per\s+(.+)", value)
            if match is None:
                raise ValueError(f"{value!r} is not a budget; write for example `4 per 30d`")
            return {"count": int(match.group(1)), "per": Duration.parse(match.group(2))}
        return value
