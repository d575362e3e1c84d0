"""What a retraining policy looks at, from the store and the ledger: records alone, nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.ledger.events import read_time
from mlops_assets.lifecycle.watching.asks import asks_of
from mlops_assets.lifecycle.watching.performance import monitored_metric
from mlops_assets.retraining.evidence import champion_of, window_of
from mlops_assets.retraining.history import Champion, History, Request, Window
from mlops_assets.spec.metrics import GREATER_IS_BETTER
from mlops_assets.spec.reads import label_sources, population_sources, view_names
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.ledger.events import Event
    from mlops_assets.ledger.state import DeploymentState
    from mlops_assets.lifecycle.workspace import Workspace

LEAST_WINDOWS = 6
"""Windows that are read even where the policy looks at fewer, so that they can be shown."""


InFlight = Callable[[Sequence["Event"]], Collection[str]]
"""From requests to the keys of those whose training has not ended."""


def _nothing_in_flight(_: Sequence[Event]) -> Collection[str]:
    return ()


def history_of(workspace: Workspace, name: str, state: DeploymentState, in_flight: InFlight = _nothing_in_flight) -> History:
    """Everything that a decision about ``name`` may depend on. Without ``in_flight`` no request counts as in flight."""
    champion = _champion(workspace, name, state)
    return History(
        champion=champion,
        windows=windows_of(workspace, name) if champion is not None else (),
        requests=_requests(requests_of(workspace, name), in_flight),
        asks=asks_of(workspace, name),
        data_until=data_until(workspace, name),
    )


def windows_of(workspace: Workspace, name: str) -> tuple[Window, ...]:
    """What monitoring found in the newest partitions, oldest first; one for each version that it found something about."""
    model = workspace.catalogue.models[name]
    calendar = model_windows(model, workspace.catalogue).calendar
    if calendar is None:
        return ()
    confirm = model.retrain.confirm.of if model.retrain else 1
    assets = [f"{name}/{kind}" for kind in ("drift", "performance")]
    there = {key for asset in assets for key in workspace.store.partitions(asset) if key is not None and calendar.contains(key)}
    ended = [key for key in there if calendar.end_of(key) <= workspace.now()]
    keys = sorted(ended, key=calendar.start_of)[-max(LEAST_WINDOWS, confirm) :]
    drift, performance = (workspace.store.window(asset, keys) for asset in assets)
    windows = []
    for key in keys:
        parts: dict[int, dict[str, Any]] = {}
        if key in drift:
            parts.setdefault(drift[key].facts["version"], {})["drift"] = drift[key].facts
        if key in performance:
            facts = performance[key].facts
            parts.setdefault(facts["measured"]["version"], {})["performance"] = facts["measured"]
            if estimated := facts.get("estimated"):
                parts.setdefault(estimated["version"], {}).update(estimate=estimated, trusted=facts["reconciled"]["trusted"])
        windows += [window_of(key, calendar.end_of(key), version, **found) for version, found in sorted(parts.items())]
    return tuple(windows)


def data_until(workspace: Workspace, name: str) -> datetime | None:
    """Up to when there is data that a retraining would learn from: the least of the ends of its dated data sets; None where undated."""
    model, catalogue = workspace.catalogue.models[name], workspace.catalogue
    names = {*label_sources(model, catalogue), *population_sources(model, catalogue)}
    names |= {source for view in view_names(model) for source in catalogue.views[view].from_}
    if model.examples is not None:
        names.add(model.examples.from_)
    ends = []
    for dataset in sorted(names):
        calendar = catalogue.datasets[dataset].calendar
        if calendar is None:
            continue
        keys = [key for key in workspace.store.partitions(dataset) if key is not None and calendar.contains(key)]
        if not keys:
            return None
        ends.append(max(map(calendar.end_of, keys)))
    return min([*ends, workspace.now()]) if ends else None


def _champion(workspace: Workspace, name: str, state: DeploymentState) -> Champion | None:
    from mlops_assets.monitoring.reference import get_reference

    if state.champion is None:
        return None
    version, model = state.versions[state.champion], workspace.catalogue.models[name]
    calendar, metric = model_windows(model, workspace.catalogue).calendar, monitored_metric(model)
    reference = get_reference(workspace.store, str(version.digests["bundle"]))
    trained_until = calendar.end_of(version.as_of) if calendar is not None and version.as_of is not None else None
    metrics = reference.metrics if reference is not None else {}
    since = read_time(state.intervals[-1].since)
    return champion_of(version.number, since, trained_until, metric, GREATER_IS_BETTER[metric], metrics)


def requests_of(workspace: Workspace, name: str) -> list[Event]:
    """Retrainings that were asked for in this environment, oldest first."""
    return list(workspace.ledger.events(name, environment=workspace.settings.environment, kinds=["retraining_requested"]))


def _requests(events: list[Event], in_flight: InFlight) -> tuple[Request, ...]:
    still = in_flight(events)
    return tuple(
        Request(
            key=event.body["key"],
            at=read_time(event.time),
            version=int(event.body["numbers"].get("version") or 0),
            window=str(event.body["numbers"].get("window") or ""),
            in_flight=event.body["key"] in still,
        )
        for event in events
    )
