"""`Dataset`: rows from a source, validated, in versioned partitions."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from mlops_assets.spec.base import FunctionRef, Name, Share, Spec, Texts
from mlops_assets.spec.boundaries import end_mistake, start_mistake, zone_mistake
from mlops_assets.spec.calendar import Calendar, Every
from mlops_assets.spec.columns import SourceColumn
from mlops_assets.spec.decides import ROWS, Decides
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.sources import Source

_STORED = Decides("dataset", ROWS)
"""Which rows are stored, and how."""

_SHOWN = Decides("dataset")
"""What is shown and checked of them, and when they come."""


AS_RECORDED = {"as_recorded": True}
"""Context in which a definition is read that was in force once: its partitions are what they were, boundaries or not."""


class Partitions(Spec):
    """The calendar of an asset: one partition per period from `start` on."""

    every: Every = Field(description="hour, day, week (from Monday) or month.")
    start: date = Field(description="First day of the first partition: a Monday where weeks are, the 1st where months are.")
    end: date | None = Field(None, description="First day after the last partition, for data that has ended; a boundary as start is.")
    timezone: str = Field("UTC", description="IANA time zone in which periods begin.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except Exception:
            raise ValueError(f"{value!r} is no IANA time zone; for example UTC or Europe/Berlin") from None
        return value

    @field_validator("start", "end", "timezone")
    @classmethod
    def _says_its_partitions(cls, value: Any, info: ValidationInfo) -> Any:
        every, start = (info.data.get(field) for field in ("every", "start"))
        if value is None or every is None or info.context == AS_RECORDED:
            return value
        if info.field_name == "start":
            mistake = start_mistake(every, value)
        elif info.field_name == "end":
            mistake = end_mistake(every, value, start)
        else:
            sound = start is not None and "end" in info.data
            mistake = zone_mistake(every, info.data["start"], info.data["end"], value) if sound else None
        if mistake:
            raise ValueError(mistake)
        return value

    @property
    def calendar(self) -> Calendar:
        """The same as a :class:`Calendar`, which knows keys and windows."""
        return Calendar(self.every, self.start, self.timezone, self.end)


class Dataset(Spec):
    """Rows from one source, validated against declared columns and stored as versioned partitions."""

    name: Annotated[Name, _SHOWN] = Field(description="Name of the asset.")
    description: Annotated[str, _SHOWN] = Field("", description="What a row is.")
    owner: Annotated[str | None, _SHOWN] = Field(None, description="`team:NAME` or an e-mail address.")
    tags: Annotated[dict[str, str], _SHOWN] = Field(default_factory=dict, description="Free tags, shown in the catalogue.")
    source: Annotated[Source, _STORED] = Field(description="Where the rows come from.")
    prepare: Annotated[FunctionRef | None, _STORED] = Field(
        None, description="Python function `(frame) -> frame` on the rows as read, before columns are checked."
    )
    kind: Annotated[Literal["events", "snapshot", "static"] | None, _STORED] = Field(
        None,
        description="events: a row is something that happened. snapshot: each partition is the whole table as it was. "
        "static: one table without history. Default: events with partitions, static without.",
    )
    partitions: Annotated[Partitions | None, _STORED] = Field(None, description="The calendar; absent: one unpartitioned table.")
    event_time: Annotated[str | None, _STORED] = Field(None, description="Column with the time of the event.")
    available_at: Annotated[str | None, _STORED] = Field(
        None, description="Column with the time at which the row could be known. Default: event_time."
    )
    primary_key: Annotated[Texts, _STORED] = Field((), description="Columns that name a row; duplicates are violations.")
    columns: Annotated[dict[str, SourceColumn], _STORED] = Field(
        default_factory=dict, description="Declared columns; the rest is inferred and pinned."
    )
    on_invalid: Annotated[Literal["block", "quarantine"], _STORED] = Field("block", description="What happens to rows that break a rule.")
    max_invalid: Annotated[Share, _STORED] = Field(0.01, description="More than this share fails the partition even in quarantine mode.")
    min_rows: Annotated[int, _SHOWN] = Field(1, ge=0, description="Fewer rows than this turn the volume check red.")
    max_age: Annotated[Duration | None, _SHOWN] = Field(None, description="Freshness: how old the newest partition may be.")
    schedule: Annotated[str | None, _SHOWN] = Field(None, description="Cron of new partitions; default: soon after each period ends.")

    @model_validator(mode="after")
    def _kind_fits(self) -> Dataset:
        kind = self.kind or ("events" if self.partitions else "static")
        object.__setattr__(self, "kind", kind)
        if kind == "events" and self.partitions and self.event_time is None:
            raise ValueError("events with partitions need event_time: the column that says when a row happened")
        if kind == "snapshot" and self.partitions is None:
            raise ValueError("a snapshot needs partitions: each one is the whole table as it was")
        if kind == "static" and self.partitions is not None:
            raise ValueError("a static table has no partitions; use kind: snapshot or events")
        for field in ("event_time", "available_at"):
            column = getattr(self, field)
            if column in self.columns and self.columns[column].type not in ("datetime", "date"):
                raise ValueError(f"{field} names {column!r}, which is declared {self.columns[column].type}, not datetime or date")
        return self

    @property
    def timezone(self) -> str:
        """The zone that naive times of its rows are in, and that its partitions begin in."""
        return self.partitions.timezone if self.partitions else "UTC"

    @property
    def calendar(self) -> Calendar | None:
        """Its partition calendar, if it has one."""
        return self.partitions.calendar if self.partitions else None

    @property
    def availability(self) -> str | None:
        """Column that says when a row could be known."""
        return self.available_at or self.event_time
