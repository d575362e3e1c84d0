"""What judging a model costs beside training it, before and after: this code and a base revision, side by side on the same rows.

    python benchmarks/judging/run.py [--base ef16c8d] [--data ../shared/data] [--repeats 5]

Judged are the bank's model, the shop's churn model and a generated set of 100 features, each beside a champion that learned from half of
the training rows: the evaluation and every declared and default gate. Beside it, a window of 5,700 matured predictions in monitoring.
Training sets are made once, by this code; either side trains and judges in a process of its own, the base from a worktree of its
revision that is removed at the end. Seconds are processor seconds on one thread, the least of the repeats, which take turns: seconds of a
clock would say more of what else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
DECLARED = {"bank": ("bank_marketing", "2009-06-01"), "shop": ("churn", "2025-12-31")}
"""Which model of the definitions, at which as-of date."""
CASES = (*DECLARED, "100 features")
BANK_FILE = "bank-additional-full.csv"
ROWS, HOLDOUT, FEATURES, WINDOW = 40_000, 12_000, 100, 5_700
BAR, BAR_WINDOW = 0.5, 0.3
"""Judging by training, and seconds of a window."""


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--base", default="ef16c8d", help="Revision to compare with.")
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data", help=f"Folder of {BANK_FILE}.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side is not None:
        print(json.dumps(side(given.side, given.repeats)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cases = prepare(folder, given.data)
        with worktree(given.base, folder / "base") as base:
            before = run_side(base, folder, given.repeats)
        after = run_side(REPOSITORY, folder, given.repeats)
    report(given.base, cases, before, after)


def prepare(folder: Path, data: Path) -> list[str]:
    """Training sets as files; names of the cases that there are."""
    if not (data / BANK_FILE).is_file():
        print(f"{data} has no {BANK_FILE}, so the bank is left out; name its folder with --data.", file=sys.stderr)
    else:
        os.environ["MLOPS_MIRROR"] = str(data.resolve())
        _declared(folder, "bank")
    _declared(folder, "shop")
    _generated(folder / "100 features")
    return [case for case in CASES if (folder / case / "facts.json").is_file()]


def _declared(folder: Path, case: str) -> None:
    """The training set of a model of the definitions, read and computed as declared."""
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.ingest import ingest
    from mlops_assets.data.training_sets.training_set import build_training_set
    from mlops_assets.lifecycle.needs import read_by_model
    from mlops_assets.lifecycle.workspace import open_workspace

    name, key = DECLARED[case]
    project = folder / case
    (project / "dagster_home").mkdir(parents=True)
    for file in ("pyproject.toml", "workspace.yaml", "dagster_home/dagster.yaml"):
        shutil.copy(REPOSITORY / file, project / file)
    which = "bank_marketing" if case == "bank" else "shop"
    shutil.copytree(REPOSITORY / "definitions" / which, project / "definitions" / which)
    workspace = open_workspace(project)
    catalogue, store = workspace.catalogue, workspace.store
    reads = read_by_model(workspace, name, key)
    for dataset, keys in sorted(reads.datasets.items()):
        list(ingest(catalogue.datasets[dataset], sorted(k for k in keys if k), store, workspace.source_context(dataset)))
    for view, keys in sorted(reads.views.items()):
        list(compute_features(catalogue.views[view], catalogue, keys, store))
    training_set = build_training_set(catalogue.models[name], catalogue, key, store)
    _save(project, training_set.table, dict(training_set.facts), training_set.manifest.digest)


def _generated(folder: Path) -> None:
    """Independent rows of 100 numbers, of which ten tell something of the outcome."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(11)
    x = random.normal(size=(ROWS, FEATURES))
    y = random.random(ROWS) < 1 / (1 + np.exp(1.5 - x[:, :10].sum(axis=1) / 3))
    names = [f"f{place:02}" for place in range(FEATURES)]
    columns: dict[str, Any] = {name: x[:, place] for place, name in enumerate(names)}
    nothing = pa.nulls(ROWS, pa.timestamp("us", "UTC"))
    split = np.where(np.arange(ROWS) < ROWS - HOLDOUT, "train", "holdout")
    table = pa.table({**columns, "__as_of": nothing, "__label_end": nothing, "__split": split, "__target": y})
    facts = {"features": [{"name": name, "type": "float64"} for name in names], "entity": [], "target": "y", "carried": []}
    folder.mkdir()
    _save(folder, table, facts, "d" * 64)


def _save(folder: Path, table: Any, facts: dict[str, Any], digest: str) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, folder / "rows.parquet")
    (folder / "facts.json").write_text(json.dumps({"facts": facts, "digest": digest}), encoding="utf-8")


@contextlib.contextmanager
def worktree(revision: str, to: Path) -> Iterator[Path]:
    """A worktree of a revision, removed at the end."""
    git = ["git", "-C", str(REPOSITORY), "worktree"]
    done = subprocess.run([*git, "add", "--detach", str(to), revision], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"no worktree of {revision}: {done.stderr.strip()}\nName another revision with --base.")
    try:
        yield to
    finally:
        subprocess.run([*git, "remove", "--force", str(to)], capture_output=True, check=False)


def run_side(code: Path, folder: Path, repeats: int) -> dict[str, Any]:
    """What one revision measures, in a process of its own."""
    command = [sys.executable, __file__, "--side", str(folder), "--repeats", str(repeats)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "DAGSTER_"))}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=code, env={**environment, "PYTHONPATH": str(code)}
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def side(folder: Path, repeats: int) -> dict[str, Any]:
    """Seconds of training, of judging and of each gate by case, and of a window, by the code that is imported."""
    found = {case: measure(folder / case, case, repeats) for case in CASES if (folder / case / "facts.json").is_file()}
    return {"cases": found, "window": window(repeats)}


def measure(folder: Path, case: str, repeats: int) -> dict[str, Any]:
    """Train and judge one model."""
    from dataclasses import replace
    from types import SimpleNamespace

    import pyarrow.parquet as pq

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Provenance
    from mlops_assets.modeling.gates import GateContext, judge_one
    from mlops_assets.modeling.training import train
    from mlops_assets.spec.gates import gate_names

    kept = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    manifest: Any = SimpleNamespace(digest=kept["digest"])
    rows = TrainingSet(manifest, pq.read_table(folder / "rows.parquet"), kept["facts"])
    model, as_of = _model(folder, case)
    source = Provenance(model.name, None, "spec", {}, "data", "code", "test", 1.0, model.training.seed)
    half = rows.split("train").num_rows // 2
    with tempfile.TemporaryDirectory() as scratch:
        champion = train(model, replace(rows, table=rows.table.slice(half)), Path(scratch) / "champion", source, threads=1).bundle
        training: list[float] = []
        gates: dict[str, list[float]] = {}
        statuses: dict[str, str] = {}

        def judge(bundle: Any) -> None:
            context = GateContext(model, bundle, rows, None, champion, folder, model.training.seed, as_of)
            gates.setdefault("evaluation", []).append(seconds_of(lambda: context.measured))
            for name, gate in gate_names(model.gates):

                def one(name: str = name, gate: Any = gate) -> None:
                    statuses[name] = judge_one(context, name, gate).status

                gates.setdefault(name, []).append(seconds_of(one))

        judge(champion)
        gates.clear()
        made: list[Any] = []
        for _ in range(repeats):
            to = Path(scratch) / str(len(made))
            training.append(seconds_of(lambda to=to: made.append(train(model, rows, to, source, threads=1).bundle)))  # type: ignore[misc]
            judge(made[-1])
    parts = {name: min(taken) for name, taken in gates.items()}
    judging = min(map(sum, zip(*gates.values(), strict=True)))
    sizes = {side: rows.split(side).num_rows for side in ("train", "holdout")}
    return {"training": min(training), "judging": judging, "parts": parts, "statuses": statuses, "rows": sizes}


def _model(folder: Path, case: str) -> tuple[Any, datetime | None]:
    if case in DECLARED:
        from mlops_assets.lifecycle.workspace import open_workspace
        from mlops_assets.spec.windows import model_windows

        name, key = DECLARED[case]
        catalogue = open_workspace(folder).catalogue
        calendar = model_windows(catalogue.models[name], catalogue).calendar
        return catalogue.models[name], calendar.end_of(key) if calendar is not None else None
    from mlops_assets.spec.model import Model

    declared = {"name": "wide", "task": "binary_classification", "examples": {"from": "rows", "target": "y"}}
    return Model.model_validate(declared), None


def window(repeats: int) -> dict[str, Any]:
    """Performance of a window of matured predictions."""
    import numpy as np
    import pyarrow as pa

    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET
    from mlops_assets.monitoring.outcomes import Coverage
    from mlops_assets.monitoring.performance import measure_performance
    from mlops_assets.monitoring.reference import Reference
    from mlops_assets.monitoring.sketch import sketch_column
    from mlops_assets.spec.monitor import PerformanceRule

    random = np.random.default_rng(5)
    score = random.beta(1, 8, WINDOW)
    at = pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * WINDOW, pa.timestamp("us", "UTC"))
    ids = [f"p{place}" for place in range(WINDOW)]
    target = random.random(WINDOW) < score
    table = pa.table({PREDICTION_ID: ids, PREDICTED_AT: at, SCORE: score, TARGET: target, KNOWN_AT: at})
    metrics = {"roc_auc": {"value": 0.7, "interval": [0.69, 0.71], "n": WINDOW}}
    label = sketch_column(TARGET, "category", pa.array([True, False]))
    reference = Reference("m", "b" * 64, "binary_classification", (False, True), 1, 1, (), (), (), label, metrics=metrics)
    coverage = Coverage(predictions=WINDOW, matured=WINDOW, labelled=WINDOW)

    def run() -> str:
        return measure_performance(reference, table, coverage, PerformanceRule(), metric="roc_auc").status

    status = run()
    return {"seconds": min(seconds_of(run) for _ in range(repeats)), "status": status}


def seconds_of(work: Callable[[], Any]) -> float:
    """Processor seconds."""
    began = time.process_time()
    work()
    return time.process_time() - began


def report(base: str, cases: list[str], before: dict[str, Any], after: dict[str, Any]) -> None:
    """The table, what each part takes, and one line of JSON."""
    sides = ((base, before), ("this code", after))
    print(f"{'':14} {'rows':>15} {'':10} {'training s':>11} {'judging s':>10} {'ratio':>6}   (bar {BAR})")
    for case in cases:
        for title, found in sides:
            one = found["cases"][case]
            rows = f"{one['rows']['train']:,}/{one['rows']['holdout']:,}"
            ratio = one["judging"] / one["training"]
            print(f"{case:14} {rows:>15} {title:10} {one['training']:11.3f} {one['judging']:10.3f} {ratio:6.2f}")
    for case in cases:
        for title, found in sides:
            parts = sorted(found["cases"][case]["parts"].items(), key=lambda part: -part[1])
            print(f"{case}, {title}: " + ", ".join(f"{name} {taken:.3f}" for name, taken in parts))
    for title, found in sides:
        print(f"a window of {WINDOW:,} rows in monitoring, {title}: {found['window']['seconds']:.3f} s (bar {BAR_WINDOW})")
    print(json.dumps({"base": base, "before": before, "after": after}))


if __name__ == "__main__":
    main()
