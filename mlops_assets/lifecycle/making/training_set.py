"""Build a training set: examples or labelled features at points in time, split before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.results import Check, Document, Made, Stored

if TYPE_CHECKING:
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.modeling.probe import Probe


def make_training_set(workspace: Workspace, name: str, keys: Sequence[str | None]) -> Made:
    """The training sets of model ``name`` at ``keys``, and the answers of the checks over all of them."""
    from mlops_assets.data.training_sets.training_set import build_training_set
    from mlops_assets.modeling.probe import probe

    model, settings = workspace.catalogue.models[name], workspace.settings
    stored, looked = [], []
    for key in keys:
        built = build_training_set(
            model, workspace.catalogue, key, workspace.store, sample=settings.sample, memory_limit=settings.duckdb_memory
        )
        found = probe(model, built)
        stored.append(Stored(key, built.manifest.digest, _shown(dict(built.facts), found), built.manifest))
        looked.append((key, built.facts, found))
    return Made(stored, [*_checks(looked)])


def _shown(facts: dict[str, Any], found: Probe) -> dict[str, Any]:
    rows = facts["rows"]
    shown: dict[str, Any] = {"train_rows": rows["train"], "holdout_rows": rows["holdout"], "facts": Document(facts)}
    for split, rate in (facts.get("base_rate") or {}).items():
        if rate is not None:
            shown[f"base_rate_{split}"] = rate if isinstance(rate, (int, float)) else Document(rate)
    if found.best is not None:
        shown |= {"best_single_feature": found.best.name, "best_single_feature_score": found.best.score}
    return shown


def _checks(looked: Sequence[tuple[str | None, Mapping[str, Any], Probe]]) -> Iterator[Check]:
    rows = {side: sum(facts["rows"][side] for _, facts, _ in looked) for side in ("train", "holdout")}
    immature = sum(facts["immature"] for _, facts, _ in looked)
    crossing = sum(facts["overlap"] for _, facts, _ in looked if facts["entity"] or facts["as_of"]["last"] is not None)
    yield Check(
        "label_maturity",
        not immature and not crossing,
        {"immature_labels": immature, "training_rows_that_reach_into_the_holdout": crossing},
        description=f"{immature} labels were not final, {crossing} training rows reach into the holdout" if immature or crossing else None,
    )
    moved = [(key, found) for key, _, found in looked if not found.varies or found.jump >= found.jump_limit]
    worst = max((found for _, _, found in looked), key=lambda found: found.jump if found.jump == found.jump else 0.0)
    shown = {"train": worst.train, "holdout": worst.holdout, "change": worst.jump, "limit": worst.jump_limit}
    yield Check(
        "base_rate",
        not moved,
        {**{f"{side}_rows": n for side, n in rows.items()}, **{name: value for name, value in shown.items() if value == value}},
        description=_moved(*moved[0]) if moved else None,
    )
    deciding = {score.name: score.score for _, _, found in looked for score in found.deciding}
    best = max((found.best for _, _, found in looked if found.best is not None), key=lambda score: score.score, default=None)
    yield Check(
        "leakage_probe",
        not deciding,
        {"deciding": Document(deciding), **({"best": best.name, "score": best.score} if best is not None else {})},
        description=f"{', '.join(deciding)} alone almost decides the target" if deciding else None,
    )


def _moved(key: str | None, found: Probe) -> str:
    at = f" at {key}" if key else ""
    if not found.varies:
        return f"the target has one value only in training or in the holdout{at}"
    return f"the target went from {found.train:.4g} to {found.holdout:.4g}{at}: a change of {found.jump:.3g}, at most {found.jump_limit:g}"
