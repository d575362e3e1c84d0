"""Score the holdout, compare with the champion, judge every gate, record the verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError
from mlops_assets.lifecycle.bundles import EVALUATIONS, FIGURES, VERDICTS, bundle_of, digests_of, outdated
from mlops_assets.lifecycle.champions import champion_bundle
from mlops_assets.lifecycle.making.attempt import Attempt, recorded
from mlops_assets.lifecycle.pointers import point, require
from mlops_assets.lifecycle.results import Check, Link, Picture, Rows, Stored, rounded
from mlops_assets.lifecycle.verdicts import record
from mlops_assets.modeling.gate_result import status_in_words
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.verdict import Verdict

GATE_COLUMNS = ("name", "status", "rule", "observed", "interval", "n")
"""What the table of gates shows; the checks say what is required, and why."""

PASSING = ("pass", "not_applicable", "off")


def judge_model(workspace: Workspace, name: str, key: str | None, attempt: Attempt) -> tuple[Stored, list[Check]]:
    """Judge model ``name`` at ``key`` on its own holdout; what was stored, and a check for each gate.

    Raises:
        MlopsError: where the model is out of date, saying what changed since it was trained.
    """
    from mlops_assets.data.training_sets.training_set import load_training_set
    from mlops_assets.modeling.figures import draw_figures
    from mlops_assets.modeling.gates import GateContext, judge_all
    from mlops_assets.modeling.verdict import Verdict
    from mlops_assets.monitoring.reference import build_reference, put_reference

    model, store, folder = workspace.catalogue.models[name], workspace.store, workspace.catalogue.folder(name)
    trained = require(workspace, name, "model", key)
    changed = outdated(workspace, name, key, trained)
    if changed:
        raise MlopsError(
            f"{name}/model{f' at {key}' if key else ''} is out of date; what changed since it was trained: {', '.join(changed)}.",
            do=f"Materialize {name}/training_set and {name}/model again.",
        )
    training_set = load_training_set(store.manifest(f"{name}/training_set", key, trained["training_set"]), store)
    windows = model_windows(model, workspace.catalogue)
    bundle, champion = bundle_of(workspace, trained), champion_bundle(workspace, name, key)
    with recorded(workspace, attempt, name, "evaluation", key) as run:
        as_of = windows.calendar.end_of(key) if windows.calendar is not None and key is not None else None
        context = GateContext(model, bundle, training_set, None, champion, folder, model.training.seed, as_of)
        evaluation, gates = context.measured, judge_all(context)
        verdict = Verdict.of(
            model=name,
            as_of=key,
            gates=gates,
            digests=digests_of(trained),
            environment=workspace.settings.environment,
            champion=champion.digest if champion else None,
        )
        with tempfile.TemporaryDirectory(dir=workspace.scratch) as scratch:
            figures = {file.stem: file.read_bytes() for file in draw_figures(evaluation, Path(scratch), gates)}
            drawn = store.put_tree(FIGURES, Path(scratch))
        body = evaluation.to_json()
        run.log_evaluation(body, verdict.to_json(), figures)
    put_reference(store, build_reference(bundle, training_set, evaluation))
    record(workspace, name, verdict, attempt.run_id)
    pointer = {
        "verdict": store.put_record(VERDICTS, verdict.to_json()),
        "evaluation": store.put_record(EVALUATIONS, body),
        "figures": drawn,
        "bundle": trained["bundle"],
        "mlflow_run_id": run.run_id,
        "dagster_run_id": attempt.run_id,
    }
    point(workspace, name, "evaluation", key, pointer)
    shown: dict[str, Any] = {
        "verdict": verdict.status,
        "verdict_id": verdict.id,
        "MLflow run": Link(run.url),
        **{f"figure: {title}": Picture(png, title) for title, png in figures.items()},
    }
    for metric, found in body["metrics"].items():
        if found["value"] is not None:
            shown[metric] = rounded(found["value"])
            if found.get("interval"):
                shown[f"{metric}_low"], shown[f"{metric}_high"] = (rounded(v) for v in found["interval"])
    shown["gates"] = Rows([_gate_row(gate, GATE_COLUMNS) for gate in verdict.to_json()["gates"]])
    return Stored(key, verdict.id, shown), [*_checks(verdict)]


def _gate_row(gate: dict[str, Any], columns: tuple[str, ...] = (*GATE_COLUMNS, "required", "detail")) -> dict[str, Any]:
    return {column: gate.get(column) for column in columns}


def _checks(verdict: Verdict) -> Iterator[Check]:
    for gate in verdict.to_json()["gates"]:
        shown = {column: value for column, value in _gate_row(gate).items() if value is not None and column not in ("name", "interval")}
        if verdict.as_of is not None:
            shown["as_of"] = verdict.as_of
        if gate.get("interval"):
            shown["interval"] = " … ".join(f"{v:.6g}" for v in gate["interval"])
        yield Check(
            gate["name"], gate["status"] in PASSING, shown, description=f"{status_in_words(gate)}: {gate['detail'] or gate['required']}"
        )
