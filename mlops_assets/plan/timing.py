"""When assets are made by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mlops_assets.plan.subject import Subject
from mlops_assets.spec.cron import AFTER_PERIOD, expand
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.model import Model

Automation = Literal["cron", "eager", "follow", "after"]
"""``cron``: new partitions come by a schedule; ``eager``: it follows its inputs once their blocking checks pass; ``follow``: the newest
partition follows whatever part of its inputs is there; ``after``: the newest partition, after each tick of a cron of its own and once its
inputs are there."""


@dataclass(frozen=True)
class Timing:
    """How an asset is made by itself; None: by hand, by a sensor or by the model's schedule. ``cron`` is that of ``after``."""

    automation: Automation | None = None
    cron: str | None = None


def new_data_cron(dataset: Dataset) -> str | None:
    """Cron of new partitions; data that has ended, or has no partitions, comes by hand unless the spec says when."""
    if dataset.schedule:
        return expand(dataset.schedule)
    if dataset.partitions is None or dataset.partitions.end is not None:
        return None
    return AFTER_PERIOD[dataset.partitions.every]


def data_timing(subject: Subject[Dataset]) -> Timing:
    """By its schedule, if it has one."""
    return Timing("cron" if new_data_cron(subject.declaration) else None)


def scores_timing(subject: Subject[Model]) -> Timing:
    """By the schedule that the spec gives."""
    score = subject.declaration.score
    return Timing("after", expand(score.schedule)) if score else Timing()


def predictions_timing(subject: Subject[Model]) -> Timing:
    """After the scores; without any, soon after each period ends."""
    if subject.declaration.score:
        return Timing("follow")
    return Timing("after", AFTER_PERIOD[subject.calendar.every] if subject.calendar else expand("daily"))
