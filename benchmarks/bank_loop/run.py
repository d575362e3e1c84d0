"""The loop over every month of a real bank's telephone campaigns (UCI Bank Marketing), through the financial crisis.

Three ways to keep one model are held against each other on the same contacts: the loop by itself (monitoring, retraining policy, gates,
promotion, under Dagster's own daemons on a clock that goes month by month), never retraining, and retraining every month.

    python benchmarks/bank_loop/run.py [--to FOLDER] [--data FOLDER]

``--data`` is a folder that is asked for the file before any download (as `MLOPS_MIRROR`). Needs a few minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.simulation import Simulation

REPOSITORY = Path(__file__).resolve().parents[2]
MODEL = "bank_marketing"
FIRST, LAST = "2009-02-01", "2010-11-01"
"""Month from which on a first model is tried, and the last month of the data."""

LOOP = """
  score: {schedule: monthly}
  monitor: {performance: {metric: brier}}
  retrain:
    when: {any: [{performance: {drop: 0.02}}, {score_drift: {psi: 0.25}}, {age: 12 months}]}
    confirm: 1 of 2
    cooldown: 1 month
    budget: 6 per 12 months
"""
GATES = """  gates:
    - {gate: label_quality, off: true, reason: the share of subscribers moves by design of this comparison}
    - {gate: calibration, off: true, reason: the Brier score that is compared here holds it}
"""


def main() -> None:
    """Run all three and print the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", type=Path, help="Folder of the project, which is replaced. Default: a temporary one.")
    parser.add_argument("--data", type=Path, default=os.environ.get("MLOPS_MIRROR"))
    given = parser.parse_args()
    if given.data:
        os.environ["MLOPS_MIRROR"] = str(Path(given.data).resolve())
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        project = make_project(given.to or Path(scratch) / "bank")
        found = run(project)
    print(json.dumps({**found, "seconds": round(time.monotonic() - began)}, indent=2))


def make_project(folder: Path) -> Path:
    """The definition of this repository with a loop: history from half a year on, monthly scores, a retraining policy."""
    from mlops_assets.cli.init import create_project
    from mlops_assets.running.simulation import INSTANCE

    if (folder / "definitions" / MODEL).is_dir():
        shutil.rmtree(folder)
    create_project(folder)
    shutil.rmtree(folder / "definitions")
    shutil.copytree(REPOSITORY / "definitions" / MODEL, folder / "definitions" / MODEL)
    file = folder / "definitions" / MODEL / "defs.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("  event_time: contacted_on", "  schedule: monthly\n  event_time: contacted_on")
    text = text.replace("    holdout: 2 months", "    minimum: 6 months\n    holdout: 2 months")
    file.write_text(text[: text.index("  gates:")] + GATES + LOOP, encoding="utf-8")
    (folder / "dagster_home" / "dagster.yaml").write_text(INSTANCE, encoding="utf-8")
    settings = (folder / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(settings.replace("[tool.mlops]", '[tool.mlops]\ndrift_pages = "never"'), encoding="utf-8")
    return folder


def run(project: Path) -> dict[str, Any]:
    """Brier and AUC of each way over the months after the first champion, and how often each trained."""
    from mlops_assets.components.location import build_definitions
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.plan.kinds import TRAINING_CHAIN
    from mlops_assets.running.runner import Runner
    from mlops_assets.running.simulation import simulate
    from mlops_assets.settings import load_settings
    from mlops_assets.spec.windows import model_windows

    workspace = Workspace(load_settings(project))
    calendar = model_windows(workspace.catalogue.models[MODEL], workspace.catalogue).calendar
    assert calendar is not None
    with simulate(project, calendar.end_of(FIRST) + timedelta(minutes=20)) as simulation:
        simulation.settle(simulation.clock.now())
        runner = Runner(simulation.workspace, build_definitions(simulation.workspace))
        for begin in calendar.between(FIRST, LAST):
            simulation.settle(calendar.end_of(begin) + timedelta(minutes=20))
            runner.prepare(MODEL, begin)
            step = runner.materialize([f"{MODEL}/{stage}" for stage in TRAINING_CHAIN], begin)
            print(f"{begin[:7]}  first model: {'a candidate' if step.success else step.failure}", flush=True)
            if step.success:
                break
        months = calendar.between(calendar.shift(begin, 1), LAST)
        for month in months:
            simulation.settle(calendar.end_of(month) + timedelta(minutes=20))
            print(_month(simulation, month), flush=True)
        return compare(simulation.workspace, months)


def compare(workspace: Workspace, months: list[str]) -> dict[str, Any]:
    """The three ways on the same contacts: all rows of ``months``, together."""
    import numpy as np

    loop, never, every, target, fitted = [], [], [], [], 0
    first = _bundle(workspace, 1)
    for month in months:
        rows, y = _rows(workspace, month)
        scores = workspace.store.current(f"{MODEL}/scores", month)
        if scores is None or not len(y):
            continue
        monthly = _trained(workspace, month)
        fitted += monthly is not None
        target.append(y)
        loop.append(np.asarray(workspace.store.read(scores).column("__score")))
        never.append(first.predict(rows))
        every.append((monthly or first).predict(rows))
    y = np.concatenate(target)
    events = list(workspace.ledger.events(MODEL))
    asked = [event for event in events if event.kind == "retraining_requested"]
    promoted = sum(event.kind == "promoted" for event in events) - 1
    ways = {"loop": loop, "never": never, "every month": every}
    return {
        "contacts": len(y),
        "months": len(target),
        "subscribed": round(float(y.mean()), 4),
        **{name: _numbers(y, np.concatenate(parts)) for name, parts in ways.items()},
        "retrainings": {"loop": len(asked), "of them champion": promoted, "never": 0, "every month": fitted},
        "reasons": [f"{event.time[:7]} {event.body['trigger']}" for event in asked],
    }


def _numbers(y: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    from mlops_assets.modeling.metrics import metric_of

    task = "binary_classification"
    return {name: round(float(metric_of(name, task).compute(y, prediction)), 4) for name in ("brier", "roc_auc")}


def _rows(workspace: Workspace, month: str) -> tuple[Any, np.ndarray]:
    from mlops_assets.data.training_sets.examples_form import scored_rows

    table, _ = scored_rows(workspace.catalogue.models[MODEL], workspace.catalogue, month, workspace.store)
    frame = table.to_pandas()
    return frame, frame["__target"].to_numpy(float)


def _bundle(workspace: Workspace, number: int) -> Any:
    from mlops_assets.lifecycle.bundles import bundle_by_digest

    return bundle_by_digest(workspace, str(workspace.ledger.state(MODEL).versions[number].digests["bundle"]))


def _trained(workspace: Workspace, month: str) -> Any:
    """What retraining at the end of the month before would serve in ``month``; None where it cannot be trained."""
    from mlops_assets.data.training_sets.training_set import build_training_set
    from mlops_assets.errors import MlopsError
    from mlops_assets.lifecycle.bundles import provenance_of
    from mlops_assets.modeling.training import train
    from mlops_assets.spec.windows import model_windows

    model = workspace.catalogue.models[MODEL]
    calendar = model_windows(model, workspace.catalogue).calendar
    assert calendar is not None
    key = calendar.shift(month, -1)
    try:
        training_set = build_training_set(model, workspace.catalogue, key, workspace.store)
        folder = Path(tempfile.mkdtemp(dir=workspace.scratch)) / "bundle"
        return train(model, training_set, folder, provenance_of(workspace, MODEL, key, training_set)).bundle
    except MlopsError:
        return None


def _month(simulation: Simulation, month: str) -> str:
    store, state = simulation.workspace.store, simulation.workspace.ledger.state(MODEL)
    found = store.current(f"{MODEL}/performance", month)
    measured = found.facts["measured"] if found is not None else {}
    value = f"brier {measured['value']:.3f} (n {measured['n']})" if measured.get("value") is not None else "brier –"
    said = next(iter(simulation.ticks(f"{MODEL}_retraining")), "")
    return f"{month[:7]}  champion {state.champion}  {value}  {said.split(';')[0][:90]}"


if __name__ == "__main__":
    main()
