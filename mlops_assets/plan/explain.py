"""A plan as text for people and as plain data for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from mlops_assets.plan.assets import PlannedAsset
from mlops_assets.plan.edges import PlannedEdge
from mlops_assets.plan.plan import Plan
from mlops_assets.spec.calendar import BY, Calendar
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.digest import spec_digest, written
from mlops_assets.spec.model import Model
from mlops_assets.spec.periods import Windows
from mlops_assets.spec.windows import model_windows

_WIDTH = 118
_EMPTY: tuple[tuple[str, object], ...] = (("off", False), ("tags", {}), ("approvals", {}))


class _Yaml(yaml.SafeDumper):
    """Queries as blocks, short lists in one line."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


def _sequence(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    flow = all(not isinstance(item, dict | list) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flow)


_Yaml.add_representer(str, _text)
_Yaml.add_representer(list, _sequence)


def explain(plan: Plan, catalogue: Catalogue, name: str) -> str:
    """Everything that ``name`` compiles to, as text: its definition with defaults, and what it needs.

    Raises:
        MlopsError: when nothing of that name is declared.
    """
    return "\n".join(_explain(plan.upstream_of(name), catalogue, name)) + "\n"


def _explain(plan: Plan, catalogue: Catalogue, name: str) -> Iterator[str]:
    declaration = catalogue.declared(name)
    origin = catalogue.origins[name]
    project = catalogue.project.absolute()
    file = origin.file.absolute()
    shown = file.relative_to(project) if file.is_relative_to(project) else file
    yield f"{type(declaration).__name__} {name}  ({shown}:{origin.line})"
    yield f"definition {spec_digest(name, catalogue)[:16]}, with its defaults:"
    dumped = yaml.dump(_said(written(name, catalogue)), Dumper=_Yaml, sort_keys=False, allow_unicode=True, width=_WIDTH)
    yield textwrap.indent(dumped.rstrip(), "  ")
    if isinstance(declaration, Model):
        yield ""
        yield "Time"
        yield from (f"  {line}" for line in time_words(model_windows(declaration, catalogue)))
    yield ""
    yield "Assets"
    for asset in plan.assets:
        yield from _asset(asset)
    for title, lines in (
        ("Schedules", [f"{s.name}: {s.cron} ({s.timezone}) runs {', '.join(s.assets)}" for s in plan.schedules]),
        ("Sensors", [f"{s.name}: {s.description}" for s in plan.sensors]),
        ("Jobs", [f"{job.name}: {' -> '.join(job.assets)}" for job in plan.jobs]),
    ):
        if lines:
            yield ""
            yield title
            yield from (f"  {line}" for line in lines)


def _said(value: Any) -> Any:
    """Without keys that hold nothing: null, an empty list, a default gate that is not off."""
    if isinstance(value, dict):
        inner = {key: _said(inner) for key, inner in value.items()}
        return {key: v for key, v in inner.items() if v is not None and v != [] and (key, v) not in _EMPTY}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


def _asset(asset: PlannedAsset) -> Iterator[str]:
    owners = f", owned by {', '.join(asset.owners)}" if asset.owners else ""
    yield f"  {asset.key}  [{', '.join(asset.kinds)}], {partitions_words(asset)}, group {asset.group}{owners}"
    if asset.description:
        yield from textwrap.wrap(asset.description, _WIDTH - 4, initial_indent="    ", subsequent_indent="    ")
    if asset.automation is not None:
        yield f"    {automation_words(asset)}"
    for edge in asset.deps:
        yield f"    reads {edge_words(edge, asset.calendar)}"
    for check in asset.checks:
        mark = "!" if check.blocking else "·"
        yield f"    {mark} {check.name}: {check.description}"


def automation_words(asset: PlannedAsset) -> str:
    """When an asset is materialized by itself."""
    if asset.automation == "after":
        zone = asset.calendar.timezone if asset.calendar else "UTC"
        return f"comes after each tick of {asset.cron} ({zone}), once its inputs are there"
    words = {"cron": "new partitions come by schedule", "eager": "follows its inputs once their blocking checks pass"}
    return words.get(asset.automation or "", "the newest partition follows its inputs")


def edge_words(edge: PlannedEdge, calendar: Calendar | None) -> str:
    """What an edge reads, in words: ``customer_rfm d-209 … d-30 (days)``."""
    if edge.mapping == "unpartitioned":
        return edge.upstream
    if edge.mapping == "all":
        return f"{edge.upstream}, all partitions"
    unit = f" ({calendar.every}s)" if calendar else ""
    if edge.mapping == "expanding":
        return f"{edge.upstream} from the first partition to {_offset(edge.end_offset)}{unit}"
    if edge.start_offset == edge.end_offset:
        return f"{edge.upstream} {_offset(edge.end_offset)}"
    return f"{edge.upstream} {_offset(edge.start_offset or 0)} … {_offset(edge.end_offset)}{unit}"


def time_words(windows: Windows) -> Iterator[str]:
    """What a model at d learns from and is judged on, in words."""
    if windows.calendar is None:
        yield f"undated: {_share(windows)} of the rows are the holdout, drawn with the seed"
        return
    unit, newest = windows.calendar.every, -windows.horizon
    first = "the first one" if windows.window is None else _offset(newest - windows.window + 1)
    what = "rows of" if windows.examples else "as-of times"
    step = f", one every {_count(windows.every, unit)}" if windows.every > 1 else ""
    held = _share(windows) if windows.holdout is None else _count(windows.holdout, unit)
    yield f"learns from {what} {first} … {_offset(newest)}{step}; labels are final at the end of d"
    verb = "is" if windows.holdout == 1 or windows.holdout is None else "are"
    yield f"the newest {held.removeprefix('1 ')} {verb} the holdout{_embargo(windows, unit)}"
    yield f"at least {_count(windows.minimum, unit)} of history must be there to train at all"


def _share(windows: Windows) -> str:
    return f"{100 * (windows.holdout_share or 0.0):.6g}%"


def _embargo(windows: Windows, unit: str) -> str:
    if not windows.horizon:
        return ""
    verb = "is" if windows.horizon == 1 else "are"
    return f", and {_count(windows.horizon, unit)} before it {verb} used by neither side"


def _count(periods: int, unit: str) -> str:
    return f"{periods} {unit}{'' if periods == 1 else 's'}"


def partitions_words(asset: PlannedAsset) -> str:
    """Calendar of an asset in words."""
    if asset.calendar is None:
        return "one version at a time"
    zone = "" if asset.calendar.timezone == "UTC" else f" in {asset.calendar.timezone}"
    until = f" to {asset.calendar.end}" if asset.calendar.end else ""
    return f"{BY[asset.calendar.every]} from {asset.calendar.start}{until}{zone}"


def to_json(plan: Plan, catalogue: Catalogue, name: str) -> dict[str, Any]:
    """The same as plain data.

    Raises:
        MlopsError: when nothing of that name is declared.
    """
    declaration = catalogue.declared(name)
    part = plan.upstream_of(name)
    return {
        "schema": 1,
        "name": name,
        "kind": type(declaration).__name__,
        "digest": spec_digest(name, catalogue),
        "definition": written(name, catalogue),
        "assets": [_asset_json(asset) for asset in part.assets],
        "schedules": [
            {"name": s.name, "cron": s.cron, "timezone": s.timezone, "assets": list(s.assets), "description": s.description}
            for s in part.schedules
        ],
        "sensors": [{"name": s.name, "description": s.description, "assets": list(s.assets), "kind": s.kind} for s in part.sensors],
        "jobs": [{"name": job.name, "assets": list(job.assets), "description": job.description} for job in part.jobs],
    }


def _asset_json(asset: PlannedAsset) -> dict[str, Any]:
    calendar = asset.calendar
    return {
        "key": asset.key,
        "kind": asset.kind,
        "declared_by": asset.declared_by,
        "group": asset.group,
        "description": asset.description,
        "owners": list(asset.owners),
        "kinds": list(asset.kinds),
        "tags": dict(asset.tags),
        "partitions": None
        if calendar is None
        else {
            "every": calendar.every,
            "start": calendar.start.isoformat(),
            "end": calendar.end.isoformat() if calendar.end else None,
            "timezone": calendar.timezone,
        },
        "deps": [
            {"upstream": e.upstream, "mapping": e.mapping, "start_offset": e.start_offset, "end_offset": e.end_offset} for e in asset.deps
        ],
        "checks": [{"name": c.name, "blocking": c.blocking, "severity": c.severity, "description": c.description} for c in asset.checks],
        "code_version": asset.code_version,
        "automation": asset.automation,
        "cron": asset.cron,
        "pool": asset.pool,
    }


def _offset(periods: int) -> str:
    return "d" if periods == 0 else f"d{periods:+d}"
