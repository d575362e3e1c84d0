"""`mlops run` against a plain script with the same work, side by side, and where the rest of the time goes.

    python benchmarks/run_overhead/run_against_script.py [--customers 17000] [--as-of 2025-12-31]

The script calls the same functions for the same data, one after another: read and check the shop's orders and customers,
compute features, build the training set, train, evaluate, judge. It has no Dagster, no MLflow and no ledger. Both are
fresh processes that begin with an empty store.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def script(project: Path, as_of: str) -> None:
    """The same work without Dagster, MLflow and ledger; prints seconds by part as JSON."""
    began = time.perf_counter()
    from mlops_assets.data.features.computing import compute_features
    from mlops_assets.data.ingest import ingest
    from mlops_assets.data.training_sets.training_set import build_training_set
    from mlops_assets.lifecycle.bundles import provenance_of
    from mlops_assets.lifecycle.needs import read_by_model
    from mlops_assets.lifecycle.workspace import open_workspace
    from mlops_assets.modeling.figures import draw_figures
    from mlops_assets.modeling.gates import GateContext, judge_all
    from mlops_assets.modeling.measuring import evaluate
    from mlops_assets.modeling.training import train

    workspace = open_workspace(project)
    catalogue, store = workspace.catalogue, workspace.store
    model, key = catalogue.models["churn"], as_of
    parts: dict[str, float] = {}

    def done(part: str) -> None:
        nonlocal began
        parts[part] = time.perf_counter() - began
        began = time.perf_counter()

    reads = read_by_model(workspace, "churn", key)
    done("definitions and imports")
    for name, keys in sorted(reads.datasets.items()):
        list(ingest(catalogue.datasets[name], sorted(k for k in keys if k), store, workspace.source_context(name)))
    done("data sets")
    for name, view_keys in sorted(reads.views.items()):
        list(compute_features(catalogue.views[name], catalogue, view_keys, store))
    done("features")
    training_set = build_training_set(model, catalogue, key, store)
    done("training set")
    trained = train(
        model, training_set, project / "bundle", provenance_of(workspace, "churn", key, training_set), definitions=catalogue.folder("churn")
    )
    done("training")
    evaluation = evaluate(model, trained.bundle, training_set, champion=None)
    calendar = catalogue.views["customer_rfm"].partitions or catalogue.datasets["orders"].partitions
    as_of_time = calendar.calendar.end_of(key) if calendar else None
    gates = judge_all(
        GateContext(model, trained.bundle, training_set, evaluation, None, catalogue.folder("churn"), model.training.seed, as_of_time)
    )
    (project / "figures").mkdir()
    draw_figures(evaluation, project / "figures", gates)
    done("evaluation and gates")
    print(json.dumps(parts))


def command(project: Path, as_of: str) -> dict[str, float]:
    """Seconds of the parts of `mlops run`, from its own progress lines."""
    arguments = [str(Path(sys.executable).parent / "mlops"), "run", "churn", "--as-of", as_of, "--project", str(project), "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, env=clean(), check=False)
    if not done.stdout.startswith("{"):
        raise SystemExit(done.stderr)
    found = re.findall(r"^  (\S+).*?  ([\d.]+)s$", done.stderr, flags=re.MULTILINE)
    return {name: float(taken) for name, taken in found}


FIXED = {
    "start of Python, imports, definitions": "from mlops_assets.lifecycle.workspace import open_workspace; open_workspace(project).plan",
    "Dagster's asset graph": "from mlops_assets.components.location import build_definitions; "
    "definitions = build_definitions(open_workspace(project)); "
    "from mlops_assets.running.runner import Runner; Runner(open_workspace(project), definitions).job",
    "new Dagster instance": "from mlops_assets.instance.opening import open_instance; open_instance(open_workspace(project).settings)",
    "import of MLflow and its new databases": "open_workspace(project).registry",
}
"""What a run pays however small its data are; each line is what the ones before it have not paid."""


def fixed(project: Path) -> dict[str, float]:
    """Seconds of the fixed parts of `mlops run`, in one new process on a project that has never run."""
    code = "import json, sys, time; from pathlib import Path; began = time.perf_counter(); project = Path(sys.argv[1]); taken = []\n"
    for statement in FIXED.values():
        code += f"{statement}; taken.append(time.perf_counter() - began); began = time.perf_counter()\n"
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code + "print(json.dumps(taken))", str(project)], stdout=subprocess.PIPE, env=clean(), check=True
    )
    whole = time.perf_counter() - began
    taken = json.loads(done.stdout.splitlines()[-1])
    taken[0] += whole - sum(taken)
    return dict(zip(FIXED, taken, strict=True))


def clean() -> dict[str, str]:
    """The environment without settings of another project."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("MLOPS_", "DAGSTER_"))}


def make(folder: Path, customers: int) -> Path:
    """A copy of the shop with so many customers."""
    shutil.copytree(REPOSITORY / "definitions" / "shop", folder / "definitions" / "shop")
    (folder / "dagster_home").mkdir()
    for file in ("pyproject.toml", "workspace.yaml", "dagster_home/dagster.yaml"):
        shutil.copy(REPOSITORY / file, folder / file)
    file = folder / "definitions" / "shop" / "defs.yaml"
    file.write_text(file.read_text().replace("customers: 4000", f"customers: {customers}"))
    return folder


def main() -> None:
    """Measure and print, as text and as one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=17_000)
    parser.add_argument("--as-of", default="2025-12-31")
    parser.add_argument("--script", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    as_of = date.fromisoformat(options.as_of).isoformat()
    if options.script is not None:
        script(options.script, as_of)
        return
    with tempfile.TemporaryDirectory() as temporary:
        plain, run, new = (make(Path(temporary) / name, options.customers) for name in ("plain", "run", "new"))
        began = time.perf_counter()
        own = [sys.executable, __file__, "--as-of", as_of, "--script", str(plain)]
        parts = json.loads(subprocess.run(own, stdout=subprocess.PIPE, text=True, env=clean(), check=True).stdout.splitlines()[-1])
        script_seconds = time.perf_counter() - began
        began = time.perf_counter()
        steps = command(run, as_of)
        run_seconds = time.perf_counter() - began
        overhead = fixed(new)
    print(f"churn of {options.customers:,} customers as of {as_of}")
    print(f"  plain script   {script_seconds:7.1f} s   " + ", ".join(f"{part} {taken:.1f}" for part, taken in parts.items()))
    print(f"  mlops run      {run_seconds:7.1f} s   " + ", ".join(f"{step} {taken:.1f}" for step, taken in steps.items()))
    print(f"  mlops run / plain script: {run_seconds / script_seconds:.2f}")
    print("  fixed overhead: " + ", ".join(f"{part} {taken:.1f} s" for part, taken in overhead.items()))
    told = {"script": script_seconds, "run": run_seconds, "script_parts": parts, "run_parts": steps, "fixed": overhead}
    print(json.dumps({"customers": options.customers, **told}))


if __name__ == "__main__":
    main()
