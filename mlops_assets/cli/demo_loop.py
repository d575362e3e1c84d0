"""`mlops demo --loop`: the loop closes by itself. A shop's customers change, the model fails, and another one takes over."""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.components.simulation import Simulation
    from mlops_assets.components.workspace import Workspace
    from mlops_assets.spec.calendar import Calendar

MODEL = "churn"
TRAINED_AT = "2025-12-22"
"""As-of partition of the first champion, the last whole one before the competitor enters."""
CHANGE = date(2026, 1, 1)
WEEKS, YEAR = 18, 52
TICK = timedelta(minutes=20)
"""How long after the end of a week the clock is set: schedules are due a quarter of an hour after it."""
METRIC = "roc_auc"
TOLD = ("verdict", "registered", "promoted", "retraining_requested", "incident_opened", "incident_closed")


@dataclass(frozen=True)
class Week:
    """What was known at the end of one week."""

    key: str
    runs: int
    champion: int | None
    measured: float | None
    low: float | None
    high: float | None
    about: int | None
    estimated: float | None
    psi: float | None
    said: str


def demo_loop(home: Path, *, change: bool = True, weeks: int | None = None) -> None:
    """Play the shop week by week under Dagster's own schedules, automation and sensors, and say what happened.

    Args:
        home: folder of the demonstration's project; what an earlier one left there is replaced.
        change: whether the competitor enters.
        weeks: how many weeks; default: 18, or a year without the change.
    """
    began = time.monotonic()
    project = make_project(home, change=change)
    typer.echo(f"The shop's weeks go by on a clock of their own; everything else is real. Project: {project}")
    if not change:
        from mlops_assets.cli.demo_year import demo_year

        demo_year(project, weeks or YEAR)
    else:
        with quiet(), _simulated(project) as simulation:
            train_first(simulation)
            typer.echo(_first(simulation.workspace))
            write_head()
            passed = list(_weeks(simulation, weeks or WEEKS))
            typer.echo(f"\nThe ledger tells:\n{chr(10).join(story(simulation.workspace))}")
            typer.echo(f"\n{summary(simulation.workspace, passed, change)}")
    typer.echo(f"\nDone in {time.monotonic() - began:.0f} s. Where to look next:\n{_next(project)}")


def make_project(home: Path, *, change: bool = True) -> Path:
    """A fresh project with the shop in weeks.

    Raises:
        MlopsError: when the folder holds something else than an earlier demonstration.
    """
    from mlops_assets.cli.init import create_project
    from mlops_assets.components.simulation import INSTANCE

    if home.exists():
        if not (home / "definitions" / "loop").is_dir():
            raise MlopsError("the folder holds something else.", where=str(home), do="Name another one.")
        shutil.rmtree(home)
    create_project(home)
    shutil.rmtree(home / "definitions")
    folder = home / "definitions" / "loop"
    folder.mkdir(parents=True)
    for name in ("defs.yaml", "weeks.py"):
        text = (resources.files("mlops_assets") / "examples" / "loop" / name).read_text(encoding="utf-8")
        (folder / name).write_text(
            text if change else text.replace("customers: 3000}", "customers: 3000, shift_at: null}"), encoding="utf-8"
        )
    (home / "dagster_home" / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    settings = (home / "pyproject.toml").read_text(encoding="utf-8")
    quick = settings.replace("[tool.mlops]", '[tool.mlops]\ndrift_pages = "never"')
    (home / "pyproject.toml").write_text(quick, encoding="utf-8")
    return home


def train_first(simulation: Simulation) -> None:
    """Train the first model by hand; the promotion sensor makes it champion at its next tick."""
    from mlops_assets.cli.run import STAGES
    from mlops_assets.components.runner import Runner

    simulation.settle(simulation.clock.now())
    runner = Runner(simulation.workspace)
    runner.prepare(MODEL, TRAINED_AT)
    step = runner.materialize([f"{MODEL}/{stage}" for stage in STAGES], TRAINED_AT)
    if not step.success:
        raise MlopsError(f"the first model was not trained: {step.failure}")


def advance(simulation: Simulation, key: str) -> Week:
    """Let week ``key`` pass, and everything happen that follows from its end."""
    from mlops_assets.spec.windows import model_windows

    workspace = simulation.workspace
    calendar = model_windows(workspace.catalogue.models[MODEL], workspace.catalogue).calendar
    assert calendar is not None
    before = workspace.ledger.state(MODEL).sequence
    runs = simulation.settle(calendar.end_of(key) + TICK)
    said = next(iter(simulation.ticks(f"{MODEL}_retraining")), "")
    return week_of(workspace, key, before, said, runs)


def week_of(workspace: Workspace, key: str, before: int, said: str, runs: int) -> Week:
    """What is known at the end of week ``key``; ``before`` is the last event of the week before it."""
    facts, drift = _facts(workspace, "performance", key), _facts(workspace, "drift", key)
    measured, estimated = facts.get("measured", {}), facts.get("estimated") or {}
    return Week(
        key=key,
        runs=runs,
        champion=workspace.ledger.state(MODEL).champion,
        measured=measured.get("value"),
        low=measured.get("low"),
        high=measured.get("high"),
        about=measured.get("version"),
        estimated=estimated.get("value"),
        psi=drift.get("score_psi"),
        said=_asked(workspace, before) or said,
    )


def story(workspace: Workspace) -> Iterator[str]:
    """What the ledger holds, without the windows in which nothing was asked for."""
    from mlops_assets.ledger.story import tell

    for event in workspace.ledger.events(MODEL):
        if event.kind in TOLD:
            line = tell(event)
            yield line if len(line) <= 200 else f"{line[:197]}..."


def summary(workspace: Workspace, weeks: Sequence[Week], change: bool) -> str:
    """Numbers before, during and after; and how often the model was trained again, for which reasons."""
    events = list(workspace.ledger.events(MODEL))
    asked = [event for event in events if event.kind == "retraining_requested"]
    promoted = [event for event in events if event.kind == "promoted"]
    refused = sum(event.kind == "verdict" and event.body["status"] != "pass" for event in events)
    reasons = ", ".join(f"{event.body['trigger']} at {event.time[:10]}" for event in asked) or "none"
    declined = sum(event.kind == "retraining_declined" for event in events)
    lines = [f"Retrainings: {len(asked)} ({reasons}); refused by gates: {refused}; decisions not to retrain: {declined}"]
    known = [week for week in weeks if week.measured is not None]
    if not change:
        values = [week.measured for week in known if week.measured is not None]
        lines.append(f"{METRIC} between {min(values):.3f} and {max(values):.3f} over {len(values)} weeks")
        return "\n".join(lines)
    first, last = promoted[0].version, promoted[-1].version
    before = _gate(workspace, first)
    during = [week.measured for week in known if week.about == first and week.measured is not None]
    after = [week.measured for week in known if week.about == last and last != first and week.measured is not None]
    lines.append(f"{METRIC} before the change, at the gate: {before:.3f} (version {first})")
    if during:
        lines.append(f"{METRIC} during: {sum(during) / len(during):.3f} on average, {min(during):.3f} at worst (version {first})")
    if after:
        lines.append(f"{METRIC} after: {sum(after) / len(after):.3f} on average over {len(after)} weeks (version {last})")
    else:
        lines.append("no newer version has been measured yet")
    return "\n".join(lines)


def write_head() -> None:
    """The head of the table."""
    typer.echo("\nweek ending  runs  champion  measured roc_auc            estimated  score PSI  retraining")


def write_week(week: Week, calendar: Calendar) -> None:
    """One line of the table."""
    end = calendar.end_of(week.key) - timedelta(days=1)
    measured = "–".ljust(26)
    if week.measured is not None and week.low is not None and week.high is not None:
        measured = f"{week.measured:.3f} [{week.low:.3f}, {week.high:.3f}] v{week.about}".ljust(26)
    estimated = f"{week.estimated:.3f}" if week.estimated is not None else "–"
    psi = f"{week.psi:.3f}" if week.psi is not None else "–"
    said = week.said.split(";")[0][:90]
    typer.echo(f"{end:%Y-%m-%d}   {week.runs or '–':>4}  {week.champion or '–':>8}  {measured} {estimated:>9}  {psi:>9}  {said}")


def _weeks(simulation: Simulation, count: int) -> Iterator[Week]:
    from mlops_assets.spec.windows import model_windows

    workspace = simulation.workspace
    calendar = model_windows(workspace.catalogue.models[MODEL], workspace.catalogue).calendar
    assert calendar is not None
    for number in range(1, count + 1):
        week = advance(simulation, calendar.shift(TRAINED_AT, number))
        write_week(week, calendar)
        yield week


def _asked(workspace: Workspace, before: int) -> str | None:
    """Whether a retraining was asked for since event ``before``, and what its gates said; None where none was."""
    events = list(workspace.ledger.events(MODEL, after=before))
    asked = next((event for event in events if event.kind == "retraining_requested"), None)
    if asked is None:
        return None
    verdict = next((event.body for event in events if event.kind == "verdict" and event.sequence > asked.sequence), None)
    if verdict is None:
        return f"YES for {asked.body['trigger']}"
    red = [gate["name"] for gate in verdict["gates"] if gate["status"] in ("fail", "inconclusive")]
    return f"YES for {asked.body['trigger']}: " + (f"gates refuse it ({', '.join(red)})" if red else "it passes its gates and takes over")


def _facts(workspace: Workspace, kind: str, key: str) -> dict[str, Any]:
    manifest = workspace.store.current(f"{MODEL}/{kind}", key)
    return dict(manifest.facts) if manifest is not None else {}


def _gate(workspace: Workspace, version: int | None) -> float:
    from mlops_assets.monitoring.reference import get_reference

    found = workspace.ledger.state(MODEL).versions[version or 1]
    reference = get_reference(workspace.store, str(found.digests["bundle"]))
    assert reference is not None
    return float(reference.metrics[METRIC]["value"])


def _first(workspace: Workspace) -> str:
    return f"Version 1 learned from the weeks up to {TRAINED_AT}: {METRIC} {_gate(workspace, 1):.3f} at the gate."


@contextmanager
def _simulated(project: Path) -> Iterator[Simulation]:
    from mlops_assets.components.simulation import simulate

    start = datetime.fromisoformat(TRAINED_AT).replace(tzinfo=UTC) + timedelta(days=7) + TICK
    with simulate(project, start) as simulation:
        yield simulation


@contextmanager
def quiet() -> Iterator[None]:
    """Dagster's and MLflow's own progress would drown the story; failures of runs are in the instance."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(before)


def _next(project: Path) -> str:
    return f"""  mlops status {MODEL} --project {project}
  mlops plan {MODEL} --project {project}
  DAGSTER_HOME={project / "dagster_home"} MLOPS_PROJECT={project} dagster-webserver -m mlops_assets.definitions"""
