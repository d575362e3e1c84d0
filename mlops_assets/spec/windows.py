"""Which partitions a feature view and a model read: pure calendar arithmetic, shared by plan and data.

Everything counts in whole periods of a calendar. With lookback L, window W, horizon h and holdout H:

* a feature view at ``d`` reads data ``d-L+1 … d`` and is as of ``end(d)``;
* a model at ``d`` learns from as-of keys ``d-h-W+1 … d-h`` (every ``every`` periods, counted back from ``d-h``)
  and from labels up to ``d``;
* the newest H periods of those keys are the holdout; training ends early enough that no label window of a
  training key reaches past the first as-of time of the holdout.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from mlops_assets.spec.calendar import COARSENESS, Calendar, CalendarError
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model


class WindowError(CalendarError):
    """A duration that does not fit its calendar. ``path`` is the key's path inside the declaration."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        self.path = path
        super().__init__(message)


@dataclass(frozen=True)
class ViewWindow:
    """What a feature view reads: ``calendar`` of its as-of times (None: unpartitioned), ``lookback`` and ``recompute`` in periods."""

    calendar: Calendar | None
    lookback: int
    recompute: int

    def data_keys(self, key: str) -> list[str]:
        """Keys of the view's own calendar that features at ``key`` read, oldest first, clipped at the calendar's start."""
        calendar = _present(self.calendar)
        return calendar.between(calendar.shift(key, 1 - self.lookback), key)

    def interval(self, key: str) -> tuple[datetime, datetime]:
        """``[start, as-of time)`` of the events that features at ``key`` see, in UTC."""
        calendar = _present(self.calendar)
        return calendar.start_of(calendar.shift(key, 1 - self.lookback)), calendar.end_of(key)


@dataclass(frozen=True)
class Windows:
    """What a model reads, in periods of ``calendar``. ``calendar`` is None for undated models: there are no keys then.

    Attributes:
        window: periods of history, holdout included; None for an expanding window.
        horizon: periods until the label of an as-of key is final (the label delay in the examples form).
        holdout: periods of holdout; None where it is a share.
        holdout_share: share of the history that is held out; None where ``holdout`` counts periods.
        every: periods between as-of snapshots.
        minimum: least periods of history to train at all.
        examples: True for the examples form, whose rows are as of their own event time inside a partition.
    """

    calendar: Calendar | None
    window: int | None
    horizon: int
    holdout: int | None
    holdout_share: float | None
    every: int
    minimum: int
    examples: bool = False

    def newest(self, key: str) -> str:
        """The newest as-of key whose label is final at the end of ``key``."""
        return _present(self.calendar).shift(key, -self.horizon)

    def history(self, key: str) -> int:
        """Periods between the calendar's start and the newest matured key, both included, at most the window."""
        calendar = _present(self.calendar)
        there = max(0, calendar.distance(calendar.first_key, self.newest(key)) + 1)
        return there if self.window is None else min(there, self.window)

    def holdout_periods(self, key: str) -> int:
        """Periods of holdout at ``key``; a share rounds up, to at least one period."""
        if self.holdout is not None:
            return self.holdout
        return max(1, math.ceil(round((self.holdout_share or 0.0) * self.history(key), 9)))

    def feature_keys(self, key: str) -> list[str]:
        """As-of keys that the model at ``key`` learns from or is judged on, oldest first.

        In the examples form these are the partitions whose rows are the examples.
        """
        calendar = _present(self.calendar)
        newest, span = self.newest(key), self.history(key)
        return [calendar.shift(newest, -back) for back in range(0, span, self.every)][::-1]

    def data_keys(self, key: str) -> list[str]:
        """Keys whose label data the model at ``key`` reads, oldest first.

        In the full form the label windows of all as-of keys, ending with ``key``; in the examples form the
        examples' own partitions, since a row carries its target.
        """
        calendar, keys = _present(self.calendar), self.feature_keys(key)
        if self.examples or not keys:
            return keys
        return calendar.between(calendar.shift(keys[0], 1), key)

    def holdout_keys(self, key: str) -> list[str]:
        """The newest matured as-of keys, kept for judging, oldest first."""
        calendar = _present(self.calendar)
        newest, periods = self.newest(key), self.holdout_periods(key)
        return [k for k in self.feature_keys(key) if calendar.distance(k, newest) < periods]

    def train_keys(self, key: str) -> list[str]:
        """As-of keys to learn from, oldest first: their label windows end before the holdout begins."""
        calendar, held = _present(self.calendar), self.holdout_keys(key)
        if not held:
            return []
        gap = self.horizon + 1 if self.examples else max(1, self.horizon)
        return [k for k in self.feature_keys(key) if calendar.distance(k, held[0]) >= gap]

    def embargo_keys(self, key: str) -> list[str]:
        """As-of keys between training and holdout that neither may use, oldest first."""
        used = {*self.train_keys(key), *self.holdout_keys(key)}
        return [k for k in self.feature_keys(key) if k not in used]

    def interval(self, key: str) -> tuple[datetime, datetime]:
        """``[as-of time, end of the label window)`` of as-of ``key`` in the full form, in UTC."""
        calendar = _present(self.calendar)
        return calendar.end_of(key), calendar.end_of(calendar.shift(key, self.horizon))


def monitor_periods(model: Model, catalogue: Catalogue) -> int:
    """Periods of the model's calendar that monitoring looks back over; 1 where undated.

    A window that nobody wrote down and the calendar cannot say, such as 7 days in months, is one period.

    Raises:
        WindowError: for a declared window that the calendar cannot say.
    """
    calendar = model_windows(model, catalogue).calendar
    if calendar is None:
        return 1
    try:
        return max(1, calendar.periods(model.monitor.window))
    except CalendarError as error:
        if "window" in model.monitor.model_fields_set:
            raise WindowError(("monitor", "window"), str(error)) from None
        return 1


def covering(partitions: Partitions, start: datetime, end: datetime) -> list[str]:
    """Keys of the partitions that overlap ``[start, end)``, oldest first, clipped at the first and the declared last one."""
    calendar = partitions.calendar
    last = end - timedelta(microseconds=1)
    if partitions.end is not None:
        ended = datetime.combine(partitions.end, time(), tzinfo=calendar.zone).astimezone(UTC) - timedelta(microseconds=1)
        last = min(last, ended)
    return calendar.between(calendar.key_of(start), calendar.key_of(last)) if start <= last else []


def newest_ended(calendar: Calendar, as_of: datetime) -> str | None:
    """Key of the newest partition that ended at or before ``as_of``: the snapshot as it was; None before the first."""
    return calendar.newest_complete(as_of)


def tables_named(sql: str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` that stand as identifiers in ``sql`` (outside comments and text), in the order of ``names``."""
    bare = re.sub(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", " ", sql, flags=re.DOTALL)
    words = {word.lower() for word in re.findall(r"[A-Za-z_]\w*", bare)}
    return tuple(name for name in names if name.lower() in words)


def label_sources(model: Model, catalogue: Catalogue) -> tuple[str, ...]:
    """Data sets that the label query reads: the declared ones, else those that it names."""
    if model.label is None:
        return ()
    return model.label.from_ or tables_named(model.label.sql, catalogue.datasets)


def population_sources(model: Model, catalogue: Catalogue) -> tuple[str, ...]:
    """Data sets that the population query names."""
    return tables_named(model.population, catalogue.datasets) if model.population else ()


def view_names(model: Model) -> tuple[str, ...]:
    """Feature views that a model uses, in the order in which it first names them."""
    return tuple(dict.fromkeys(feature.split(".", 1)[0] for feature in model.features))


def view_partitions(view: FeatureView, catalogue: Catalogue) -> Partitions | None:
    """Calendar of a view's as-of times: its own, else the finest of its events, else of its snapshots. The latest start counts.

    Raises:
        WindowError: when the data sets stand in different time zones.
    """
    if view.partitions is not None:
        return view.partitions
    dated = [d for d in (catalogue.datasets.get(name) for name in view.from_) if d is not None and d.partitions]
    events = [d for d in dated if d.kind == "events"]
    return _shared([d.partitions for d in events or dated if d.partitions], [d.partitions for d in dated if d.partitions], ("from",))


def model_partitions(model: Model, catalogue: Catalogue) -> Partitions | None:
    """Calendar of a model's as-of times: its own, else that of its examples, else the finest of its views, else of its label data.

    Raises:
        WindowError: when what it reads stands in different time zones.
    """
    if model.partitions is not None:
        return model.partitions
    if model.examples is not None:
        dataset = catalogue.datasets.get(model.examples.from_)
        return dataset.partitions if dataset else None
    views = [catalogue.views[name] for name in view_names(model) if name in catalogue.views]
    found = [p for p in (view_partitions(view, catalogue) for view in views) if p]
    if not found:
        datasets = [catalogue.datasets[name] for name in label_sources(model, catalogue) if name in catalogue.datasets]
        found = [d.partitions for d in datasets if d.partitions]
    return _shared(found, found, ("features",))


def view_window(view: FeatureView, catalogue: Catalogue) -> ViewWindow:
    """Calendar, lookback and recompute of a view.

    Raises:
        WindowError: the first of :func:`view_problems`.
    """
    window, problems = _view_window(view, catalogue)
    if problems:
        raise problems[0]
    return window


def view_problems(view: FeatureView, catalogue: Catalogue) -> list[WindowError]:
    """Every duration of the view that its calendar cannot say."""
    return _view_window(view, catalogue)[1]


def model_windows(model: Model, catalogue: Catalogue) -> Windows:
    """Calendar, window, horizon, holdout, cadence and minimum of a model.

    Raises:
        WindowError: the first of :func:`model_problems`.
    """
    windows, problems = _model_windows(model, catalogue)
    if problems:
        raise problems[0]
    return windows


def model_problems(model: Model, catalogue: Catalogue) -> list[WindowError]:
    """Every duration of the model that its calendar cannot say, and windows that leave nothing to train on."""
    return _model_windows(model, catalogue)[1]


def _view_window(view: FeatureView, catalogue: Catalogue) -> tuple[ViewWindow, list[WindowError]]:
    problems: list[WindowError] = []
    try:
        partitions = view_partitions(view, catalogue)
    except WindowError as error:
        return ViewWindow(None, 0, 0), [error]
    if partitions is None:
        return ViewWindow(None, 0, 0), problems
    calendar = partitions.calendar
    periods = _counter(calendar, problems)
    lookback = periods(view.lookback, ("lookback",), 1)
    recompute = lookback if view.recompute is None else periods(view.recompute, ("recompute",), 0)
    return ViewWindow(calendar, lookback, recompute), problems


def _model_windows(model: Model, catalogue: Catalogue) -> tuple[Windows, list[WindowError]]:
    problems: list[WindowError] = []
    undated = Windows(None, None, 0, None, None, 1, 0, examples=model.examples is not None)
    try:
        partitions = model_partitions(model, catalogue)
    except WindowError as error:
        return undated, [error]
    if partitions is None:
        if model.label is not None:
            problems.append(
                WindowError(("partitions",), "a label horizon needs a calendar, but nothing that the model reads has partitions")
            )
        return undated, problems
    training, periods = model.training, _counter(partitions.calendar, problems)
    if model.label is not None:
        horizon = periods(model.label.horizon, ("label", "horizon"), 1)
    else:
        delay = model.examples.label_delay if model.examples else None
        horizon = 0 if delay is None else periods(delay, ("examples", "label_delay"), 0)
    if model.examples is not None and training.every is not None:
        problems.append(WindowError(("training", "every"), "every is for features with a label; in examples each row has its own time"))
    every = 1 if training.every is None or model.examples else periods(training.every, ("training", "every"), 1)
    window = None if training.window == "expanding" else periods(_duration(training.window), ("training", "window"), 1)
    share = training.holdout if isinstance(training.holdout, float) else None
    holdout = None if share is not None else periods(_duration(training.holdout), ("training", "holdout"), 1)
    if training.minimum is not None:
        minimum = periods(training.minimum, ("training", "minimum"), 1)
    else:
        minimum = window if window is not None else 2 * (holdout or 1)
    if "window" in model.monitor.model_fields_set:
        periods(model.monitor.window, ("monitor", "window"), 1)
    windows = Windows(partitions.calendar, window, horizon, holdout, share, every, minimum, examples=model.examples is not None)
    if not problems and window is not None:
        far = windows.calendar.shift(windows.calendar.first_key, window + horizon - 1) if windows.calendar else ""
        if not windows.train_keys(far):
            held = windows.holdout_periods(far)
            unit = partitions.every
            message = (
                f"window of {window} {unit}s leaves nothing to train on: the holdout takes {held} and the embargo {horizon}, "
                f"with a snapshot every {every}"
            )
            problems.append(WindowError(("training", "window"), message))
    return windows, problems


def _counter(calendar: Calendar, problems: list[WindowError]) -> Callable[[Duration, tuple[str, ...], int], int]:
    """A function that counts periods, and notes a problem in place of raising."""

    def count(duration: Duration, path: tuple[str, ...], least: int) -> int:
        try:
            found = calendar.periods(duration)
        except CalendarError as error:
            problems.append(WindowError(path, str(error)))
            return max(1, least)
        if found < least:
            problems.append(WindowError(path, f"{duration} is too short; it must be at least {least} {calendar.every}"))
            return max(1, least)
        return found

    return count


def _shared(candidates: list[Partitions], all_of_them: list[Partitions], path: tuple[str, ...]) -> Partitions | None:
    """The finest of ``candidates`` with the latest start of all; None if there is none."""
    if not candidates:
        return None
    zones = sorted({p.timezone for p in all_of_them})
    if len(zones) > 1:
        raise WindowError(path, f"partitions begin in different time zones ({', '.join(zones)}); declare partitions of its own")
    finest = min(candidates, key=lambda p: COARSENESS[p.every])
    ends = [p.end for p in candidates if p.end is not None]
    return Partitions(
        every=finest.every,
        start=max(p.start for p in all_of_them),
        end=min(ends) if ends else None,
        timezone=finest.timezone,
    )


def _duration(value: object) -> Duration:
    assert isinstance(value, Duration)
    return value


def _present(calendar: Calendar | None) -> Calendar:
    if calendar is None:
        raise CalendarError("there is no calendar: nothing that is read here has partitions")
    return calendar


def dataset_keys(dataset: Dataset, start: datetime | None, end: datetime) -> list[str | None]:
    """Partitions of ``dataset`` that a reader of ``[start, end)`` needs.

    Events: those that overlap the interval (from the first on where ``start`` is None). Snapshot: the newest one
    that ended by ``end``, if any. Without partitions: ``[None]``.
    """
    if dataset.partitions is None:
        return [None]
    calendar = dataset.partitions.calendar
    first = calendar.start_of(calendar.first_key)
    if dataset.kind == "snapshot":
        newest = newest_ended(calendar, end)
        return [] if newest is None else list(covering(dataset.partitions, first, calendar.end_of(newest))[-1:])
    return list(covering(dataset.partitions, start or first, end))
