"""`mlops demo --loop`: the loop closes by itself. A shop's customers change, the model fails, and another one takes over.

A prediction server answers the shop's customers over HTTP all the while; what it answered is what is monitored. The weeks go by on a
simulated clock, which moves Dagster's daemons, the ledger and monitoring. The server and its callers go by the wall's: the time of each
answer in the server's journal is translated when the journal is compacted, and nowhere else (:meth:`Clock.at`).
"""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import typer

from mlops_assets.cli.demo_live import Answers, Live, live
from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.clock import Clock
    from mlops_assets.running.simulation import Simulation
    from mlops_assets.spec.calendar import Calendar

MODEL, VIEW = "churn", "customer_habits"
READ = ("orders", "customers", VIEW)
TRAINED_AT = "2025-12-01"
"""As-of partition of the first champion; answers of the two weeks after it have their labels when the competitor enters."""
CHANGE = date(2026, 1, 1)
NIGHT = 100
"""Requests a second while what is due at a week's end is done."""
TICK = timedelta(minutes=20)
"""How long after the end of a week the clock is set: schedules are due a quarter of an hour after it."""
METRIC = "roc_auc"
TOLD = ("verdict", "registered", "promoted", "retraining_requested", "incident_opened", "incident_closed")


@dataclass(frozen=True)
class Pace:
    """How many weeks pass, how many seconds each of them takes, and how many requests a second come in those."""

    weeks: int
    seconds: float
    day: int


LIVE, YEAR = Pace(21, 4.0, 400), Pace(52, 1.5, 1000)


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
    answers: Answers | None = None


def demo_loop(home: Path, *, change: bool = True, weeks: int | None = None) -> None:
    """Play the shop week by week under Dagster's own schedules, automation and sensors, and say what happened.

    A prediction server of its own process answers the shop's customers all the while.

    Args:
        home: folder of the demonstration's project; what an earlier one left there is replaced.
        change: whether the competitor enters.
        weeks: how many weeks; default: 21, or a year without the change.
    """
    began = time.monotonic()
    project, pace = make_project(home, change=change), LIVE if change else YEAR
    typer.echo(
        "The shop's weeks go by on a clock of their own; everything else is real. "
        f"A server answers {pace.day} requests a second by day, {NIGHT} by night. Project: {project}"
    )
    with quiet(), simulated(project) as simulation:
        train_first(simulation)
        typer.echo(_first(simulation.workspace))
        with live(simulation.workspace, MODEL) as server:
            passed = list(_weeks(simulation, server, pace, weeks or pace.weeks))
        typer.echo(f"\nThe ledger tells (mlops audit log {MODEL}):\n{chr(10).join(story(simulation.workspace))}")
        typer.echo(f"\n{summary(simulation.workspace, passed, change)}")
        typer.echo("\n".join(swaps(passed, simulation.clock)))
    typer.echo(f"\nDone in {time.monotonic() - began:.0f} s. Where to look next:\n{_next(project)}")


def make_project(home: Path, *, change: bool = True) -> Path:
    """A fresh project with the shop in weeks.

    Raises:
        MlopsError: when the folder holds something else than an earlier demonstration.
    """
    from mlops_assets.cli.init import create_project
    from mlops_assets.running.simulation import INSTANCE

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
    quick = settings.replace("[tool.mlops]", '[tool.mlops]\ndrift_pages = "never"\njournal_rotate = 0.5')
    (home / "pyproject.toml").write_text(quick, encoding="utf-8")
    return home


def train_first(simulation: Simulation) -> None:
    """Train the first model by hand; the promotion sensor makes it champion at its next tick. Its customers' features are published."""
    from mlops_assets.components.location import build_definitions
    from mlops_assets.plan.kinds import TRAINING_CHAIN
    from mlops_assets.running.runner import Runner

    simulation.settle(simulation.clock.now())
    runner = Runner(simulation.workspace, build_definitions(simulation.workspace))
    runner.prepare(MODEL, TRAINED_AT)
    step = runner.materialize([f"{MODEL}/{stage}" for stage in TRAINING_CHAIN], TRAINED_AT)
    if not step.success:
        raise MlopsError(f"the first model was not trained: {step.failure}")
    for asset in READ:
        runner.run([asset], calendar_of(simulation.workspace).shift(TRAINED_AT, -2), TRAINED_AT, 3)


def advance(simulation: Simulation, server: Live, pace: Pace, key: str) -> Week:
    """Let week ``key`` pass under load, and everything happen that follows from its end."""
    workspace, calendar = simulation.workspace, calendar_of(simulation.workspace)
    before, end = workspace.ledger.state(MODEL).sequence, calendar.end_of(key)
    customers = customers_of(workspace, calendar.shift(key, -1))
    server.ask(customers, pace.day)
    simulation.clock.glide(end - timedelta(minutes=5), pace.seconds)
    server.ask(customers, NIGHT)
    runs = simulation.settle(end + TICK)
    said = next(iter(simulation.ticks(f"{MODEL}_retraining")), "")
    return replace(week_of(workspace, key, before, said, runs), answers=server.report())


def calendar_of(workspace: Workspace) -> Calendar:
    """The model's calendar: weeks."""
    from mlops_assets.spec.windows import model_windows

    calendar = model_windows(workspace.catalogue.models[MODEL], workspace.catalogue).calendar
    assert calendar is not None
    return calendar


def customers_of(workspace: Workspace, key: str) -> list[int]:
    """Customers whose features were published at the end of week ``key``, in an order that has to do with nothing."""
    import random

    manifest = workspace.store.current(VIEW, key)
    assert manifest is not None
    customers: list[int] = workspace.store.read(manifest, ["customer_id"]).column("customer_id").to_pylist()
    random.Random(key).shuffle(customers)
    return customers


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
    refused = sum(event.kind == "verdict" and event.body["status"] != "pass" for event in events)
    reasons = ", ".join(f"{event.body['trigger']} at {event.time[:10]}" for event in asked) or "none"
    declined = sum(event.kind == "retraining_declined" for event in events)
    lines = [f"Retrainings: {len(asked)} ({reasons}); refused by gates: {refused}; decisions not to retrain: {declined}"]
    policy, numbers = workspace.catalogue.models[MODEL].retrain, asked[0].body["numbers"] if asked else {}
    if policy is not None and asked and "performance" in asked[0].body["trigger"]:
        seen = f"{numbers['performance_hits']} of {numbers['performance_windows']} windows"
        lines.append(f"The first one was asked for when {seen} had confirmed it; declared: {policy.confirm.hits} of {policy.confirm.of}")
    if change:
        return "\n".join([*lines, *_eras(workspace, weeks)])
    values = [week.measured for week in weeks if week.measured is not None]
    lines.append(f"{METRIC} between {min(values):.3f} and {max(values):.3f} over {len(values)} weeks")
    return "\n".join(lines)


def _eras(workspace: Workspace, weeks: Sequence[Week]) -> Iterator[str]:
    """The metric as it was measured before the change, until another version took over, and since."""
    calendar = calendar_of(workspace)
    promoted = [event.version for event in workspace.ledger.events(MODEL) if event.kind == "promoted"]
    first, last = promoted[0], promoted[-1]
    known = [week for week in weeks if week.measured is not None]
    before = [week for week in known if calendar.start_of(week.key).date() <= CHANGE]
    during = [week for week in known if week.about == first and week not in before]
    after = [week for week in known if week.about == last and last != first]
    for title, era, version in (("before the change", before, first), ("during", during, first), ("after", after, last)):
        if era:
            values = [week.measured or 0.0 for week in era]
            yield f"{METRIC} {title}: {fmean(values):.3f} on average over {len(era)} weeks, {min(values):.3f} at worst (version {version})"
    if after:
        instead = fmean(_instead(workspace, week.key, first) for week in after)
        yield f"  version {first} would have had {instead:.3f} on the same customers in the same weeks"
    else:
        yield "no newer version has been measured yet"


def _instead(workspace: Workspace, key: str, version: int | None) -> float:
    """What ``version`` would have had in the outcomes that week ``key`` was measured on."""
    import pyarrow.compute as pc

    from mlops_assets.lifecycle.champions import bundle_of_version
    from mlops_assets.lifecycle.watching.windows import version_window
    from mlops_assets.modeling.metrics import metric_of
    from mlops_assets.monitoring.columns import TARGET
    from mlops_assets.spec.windows import model_windows

    horizon = model_windows(workspace.catalogue.models[MODEL], workspace.catalogue).horizon
    table = version_window(workspace, MODEL, "outcomes", key, back=horizon).table
    table = table.filter(pc.is_valid(table.column(TARGET)))
    found = bundle_of_version(workspace, workspace.ledger.state(MODEL).versions[version or 1]).predict(table.to_pandas())
    return float(
        metric_of(METRIC, "binary_classification").compute(table.column(TARGET).to_numpy(zero_copy_only=False).astype(float), found)
    )


def swaps(weeks: Sequence[Week], clock: Clock) -> Iterator[str]:
    """What callers saw: requests over all, and each change from one version to another."""
    answers = [week.answers for week in weeks if week.answers is not None]
    asked, lost = sum(found.asked for found in answers), sum(found.lost for found in answers)
    slowest = max((found.latency_ms.get("max", 0.0) for found in answers), default=0.0)
    yield f"Requests over HTTP: {asked:,}; failed: {lost}; slowest answer: {slowest:.0f} ms"
    for found in answers:
        for reason, count in found.failed.items():
            yield f"  {count} x {reason}"
        for older, newer in pairwise(sorted(found.versions)):
            (_, _, left), (_, came, _) = found.versions[older], found.versions[newer]
            at = datetime.fromtimestamp(clock.at(int(came.timestamp() * 1e6)) / 1e6, UTC)
            gap = (came - left).total_seconds() * 1e3
            yield f"  version {newer} took over from version {older} at {at:%Y-%m-%d %H:%M}, {gap:.0f} ms after its last answer"


def write_head() -> None:
    """The head of the table."""
    typer.echo("\nweek ending  requests  failed  p99 ms  champion  measured roc_auc            estimated  score PSI  retraining")


def write_week(week: Week, calendar: Calendar) -> None:
    """One line of the table."""
    end = calendar.end_of(week.key) - timedelta(days=1)
    measured = "–".ljust(26)
    if week.measured is not None and week.low is not None and week.high is not None:
        measured = f"{week.measured:.3f} [{week.low:.3f}, {week.high:.3f}] v{week.about}".ljust(26)
    estimated = f"{week.estimated:.3f}" if week.estimated is not None else "–"
    psi = f"{week.psi:.3f}" if week.psi is not None else "–"
    said = week.said.split(";")[0][:90]
    load = f"{'–':>8}  {'–':>6}  {'–':>6}"
    if week.answers is not None:
        load = f"{week.answers.asked:>8,}  {week.answers.lost:>6}  {week.answers.latency_ms.get('p99', 0.0):>6.1f}"
    typer.echo(f"{end:%Y-%m-%d}   {load}  {week.champion or '–':>8}  {measured} {estimated:>9}  {psi:>9}  {said}")


def _weeks(simulation: Simulation, server: Live, pace: Pace, count: int) -> Iterator[Week]:
    calendar = calendar_of(simulation.workspace)
    # The promotion sensor makes the first version champion; the server sees it in the ledger.
    simulation.settle(simulation.clock.now())
    server.wait_for(1, customers_of(simulation.workspace, TRAINED_AT)[0])
    write_head()
    for number in range(1, count + 1):
        week = advance(simulation, server, pace, calendar.shift(TRAINED_AT, number))
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
def simulated(project: Path) -> Iterator[Simulation]:
    """The project on a clock that stands at the end of the first champion's week."""
    from mlops_assets.running.simulation import simulate

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
  cd {project} && DAGSTER_HOME=$PWD/dagster_home dagster-webserver -w workspace.yaml"""
