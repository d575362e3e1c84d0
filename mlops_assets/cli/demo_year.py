"""`mlops demo --loop --without-change`: a year of the same shop in which nothing happens, so that nothing but age retrains.

Weeks are watched in stretches, one run for each, and the sensor is then asked week by week as of its end: it sees no later window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.cli.demo_loop import MODEL, READ, TICK, TRAINED_AT, Week, quiet, story, summary, week_of, write_head, write_week

if TYPE_CHECKING:
    import dagster as dg

    from mlops_assets.components.runner import Runner
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.spec.calendar import Calendar

STRETCH = 13
"""Weeks that are watched in one run; after a promotion the rest of them is scored again."""


def demo_year(project: Path, weeks: int) -> None:
    """Play ``weeks`` weeks of the project at ``project`` and say how often and why the model was trained again."""
    from mlops_assets.components.simulation import Clock, dagster_clock

    year = _Year(project)
    with quiet(), dagster_clock(Clock(year.end_of(weeks))):
        year.begin(weeks)
        write_head()
        passed = list(year.play(weeks))
        typer.echo(f"\nThe ledger tells:\n{chr(10).join(story(year.workspace))}")
        typer.echo(f"\n{summary(year.workspace, passed, change=False)}")


class _Year:
    """A project with two clocks: of the stretch that is watched, and of the week that is decided about."""

    def __init__(self, project: Path) -> None:
        from mlops_assets.components.runner import Runner
        from mlops_assets.components.workspace import Workspace
        from mlops_assets.settings import load_settings
        from mlops_assets.spec.windows import model_windows

        self.workspace: Workspace = Workspace(load_settings(project))
        calendar = model_windows(self.workspace.catalogue.models[MODEL], self.workspace.catalogue).calendar
        assert calendar is not None
        self.calendar: Calendar = calendar
        self.decided = self.watched = calendar.end_of(TRAINED_AT) + TICK
        self.workspace.now = lambda: self.watched  # type: ignore[method-assign]
        self.workspace.ledger.now = lambda: self.decided  # type: ignore[method-assign]
        self.runner: Runner = Runner(self.workspace)

    def end_of(self, number: int) -> datetime:
        """When a week's data is there; Dagster knows the partitions up to then."""
        return self._moment(self._key(number))

    def begin(self, weeks: int) -> None:
        """The first champion, and data and features of the whole year; each decision looks at what had ended by then."""
        from mlops_assets.cli.run import STAGES

        self.runner.prepare(MODEL, TRAINED_AT)
        self._run([f"{MODEL}/{stage}" for stage in STAGES], TRAINED_AT, TRAINED_AT)
        self._run([f"{MODEL}/champion"], None, None)
        last = self.calendar.shift(TRAINED_AT, weeks)
        self.watched = self._moment(last)
        for asset in READ:
            self._run([asset], self.calendar.shift(TRAINED_AT, -2), last)

    def play(self, weeks: int) -> Iterator[Week]:
        """Week by week: what was measured and decided."""
        number = 1
        while number <= weeks:
            until = min(weeks, number + STRETCH - 1)
            self._watch(number, until)
            while number <= until:
                week, retrained = self._decide(self._key(number))
                write_week(week, self.calendar)
                yield week
                number += 1
                if retrained:
                    break

    def _watch(self, first: int, last: int) -> None:
        self.watched = self._moment(self._key(last))
        kinds = [f"{MODEL}/{kind}" for kind in ("scores", "predictions", "data_quality", "drift")]
        self._run(kinds, self._key(first), self._key(last))
        if last > 2:
            self._run([f"{MODEL}/outcomes"], self._key(max(1, first - 2)), self._key(last - 2))
        self._run([f"{MODEL}/performance"], self._key(first), self._key(last))

    def _decide(self, key: str) -> tuple[Week, bool]:
        from mlops_assets.components.sensors.promotion import tick_promotion
        from mlops_assets.components.sensors.retraining import tick_retraining

        self.watched = self.decided = self._moment(key)
        before = self.workspace.ledger.state(MODEL).sequence
        instance = self.runner.instance
        tick = tick_retraining(self.workspace, MODEL, instance)
        said, retrained = tick.said[0] if tick.said else "", bool(tick.requests)
        while tick.requests:
            self._carry_out(tick.requests)
            tick = tick_retraining(self.workspace, MODEL, instance)
        if retrained:
            self._carry_out(tick_promotion(self.workspace, MODEL, instance).requests)
        return week_of(self.workspace, key, before, said, runs=0), retrained

    def _carry_out(self, requests: Sequence[dg.RunRequest]) -> None:
        for request in requests:
            assets = [key.to_user_string() for key in request.asset_selection or ()]
            self._run(assets, request.partition_key, request.partition_key, dict(request.tags))

    def _run(self, assets: Sequence[str], first: str | None, last: str | None, tags: dict[str, Any] | None = None) -> None:
        from mlops_assets.components.simulation import run_now

        run_now(self.runner, assets, first, last, tags or {})

    def _key(self, number: int) -> str:
        return self.calendar.shift(TRAINED_AT, number)

    def _moment(self, key: str) -> datetime:
        return self.calendar.end_of(key) + TICK
