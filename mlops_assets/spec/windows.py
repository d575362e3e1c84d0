"""The calendars of feature views and models, and their durations counted in whole periods of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from mlops_assets.spec.calendar import COARSENESS, Calendar, CalendarError
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.durations import Duration
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.periods import ViewWindow, Windows
from mlops_assets.spec.reads import label_sources, view_names


class WindowError(CalendarError):
    """A duration that does not fit its calendar. ``path`` is the key's path inside the declaration."""

    def __init__(self, path: tuple[str, ...], message: str) -> None:
        self.path = path
        super().__init__(message)


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

    One of its own ends where the data of its labels has ended, since later as-of times have none.

    Raises:
        WindowError: when what it reads stands in different time zones.
    """
    if model.partitions is not None:
        return _until(model.partitions, [d.partitions for d in _labelled(model, catalogue) if d.partitions])
    if model.examples is not None:
        dataset = catalogue.datasets.get(model.examples.from_)
        return dataset.partitions if dataset else None
    views = [catalogue.views[name] for name in view_names(model) if name in catalogue.views]
    found = [p for p in (view_partitions(view, catalogue) for view in views) if p]
    if not found:
        found = [d.partitions for d in _labelled(model, catalogue) if d.partitions]
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
    share = model.training.holdout if isinstance(model.training.holdout, float) else None
    undated = Windows(None, None, 0, None, share, 1, 0, examples=model.examples is not None)
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
    """The finest of ``candidates`` from the latest start of all to the earliest end of them; None if there is none.

    Where that start or end is no boundary of the finest, the first whole partition at or after it is the first, and the last
    whole one before it the last.
    """
    if not candidates:
        return None
    zones = sorted({p.timezone for p in all_of_them})
    if len(zones) > 1:
        raise WindowError(path, f"partitions begin in different time zones ({', '.join(zones)}); declare partitions of its own")
    finest = min(candidates, key=lambda p: COARSENESS[p.every])
    ends = [p.end for p in candidates if p.end is not None]
    latest = Calendar(finest.every, max(p.start for p in all_of_them), finest.timezone)
    return _with_end(finest.model_copy(update={"start": _begins(latest, latest.first_key), "end": None}), min(ends, default=None))


def _until(own: Partitions, others: list[Partitions]) -> Partitions:
    """``own`` up to the earliest end of it and of ``others``."""
    return _with_end(own, min((p.end for p in (own, *others) if p.end is not None), default=None))


def _with_end(partitions: Partitions, end: date | None) -> Partitions:
    """The whole partitions before ``end``."""
    if end is None or end == partitions.end:
        return partitions
    calendar = partitions.calendar
    return partitions.model_copy(update={"end": _begins(calendar, calendar.key_of(end))})


def _begins(calendar: Calendar, key: str) -> date:
    """The local day with which a partition begins."""
    return calendar.start_of(key).astimezone(calendar.zone).date()


def _labelled(model: Model, catalogue: Catalogue) -> list[Dataset]:
    """The data that labels come from."""
    names = (model.examples.from_,) if model.examples else label_sources(model, catalogue)
    return [catalogue.datasets[name] for name in names if name in catalogue.datasets]


def _duration(value: object) -> Duration:
    assert isinstance(value, Duration)
    return value
