"""Training sets, bundles and contexts that the tests of this folder share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_assets.data.training_sets.training_set import TrainingSet
from mlops_assets.modeling.bundle import Bundle, Provenance
from mlops_assets.modeling.gates import GateContext, GateResult, judge_one
from mlops_assets.modeling.synthetic import make_bundle
from mlops_assets.modeling.training import train
from mlops_assets.spec.gates import gate_names
from mlops_assets.spec.model import Model

PROVENANCE = Provenance("m", None, "spec", {}, "data", "code", "test", 1.0, 7)


def model_of(task: str = "binary_classification", gates: Any = (), **training: Any) -> Model:
    return Model.model_validate({
        "name": "m", "task": task, "examples": {"from": "rows", "target": "y"}, "gates": list(gates), "training": training,
    })  # fmt: skip


def training_set(
    frame: pd.DataFrame, *, holdout: Any, features: dict[str, str], entity: tuple[str, ...] = (), as_of: Any = None, label_end: Any = None
) -> TrainingSet:
    """A training set of ``frame`` with its target in ``y``; ``holdout`` is a mask of rows."""
    table = frame.drop(columns="y").copy()
    for name, moments in (("__as_of", as_of), ("__label_end", label_end)):
        table[name] = pd.to_datetime(pd.Series(moments if moments is not None else pd.NaT, index=frame.index), utc=True)
    table["__split"] = np.where(holdout, "holdout", "train")
    table["__target"] = frame["y"]
    facts = {"features": [{"name": n, "type": t} for n, t in features.items()], "entity": list(entity), "target": "y", "carried": []}
    manifest: Any = SimpleNamespace(digest="d" * 64)
    return TrainingSet(manifest, pa.Table.from_pandas(table, preserve_index=False), facts)


def scored_set(
    y: Any, prediction: Any, *, y_train: Any = None, task: str = "binary_classification", **more: Any
) -> tuple[TrainingSet, Bundle]:
    """A training set whose holdout has outcomes ``y``, and a model that predicts ``prediction`` for it.

    ``more``: columns of the holdout (training rows get their first value), and entity, as_of, label_end of the holdout.
    """
    y_train = np.resize([0, 1], 400) if y_train is None else np.asarray(y_train)
    columns = {k: v for k, v in more.items() if k not in ("entity", "as_of", "label_end")}
    binary = task == "binary_classification"
    judged = pd.DataFrame({"p": np.asarray(prediction, float), **columns, "y": np.asarray(y, bool if binary else float)})
    learned = pd.DataFrame({"p": 0.5, **{k: v[0] for k, v in columns.items()}, "y": np.asarray(y_train, bool if binary else float)})
    frame = pd.concat([learned, judged], ignore_index=True)
    holdout = np.arange(len(frame)) >= len(learned)
    both = training_set(frame, holdout=holdout, features={"p": "float64"}, entity=more.get("entity", ()))
    return both, make_bundle(task, lambda f: f["p"].to_numpy(float), {"p": "float64"})


def judged(model: Model, bundle: Bundle, rows: TrainingSet, gate: str, *, champion: Bundle | None = None, **more: Any) -> GateResult:
    """The result of the gate of that name."""
    context = GateContext(model, bundle, rows, None, champion, more.pop("folder", Path()), 7, **more)
    return judge_one(context, gate, dict(gate_names(model.gates))[gate])


def trained(model: Model, rows: TrainingSet, folder: Path) -> Bundle:
    return train(model, rows, folder, PROVENANCE, threads=1).bundle


def ranked(auc: float, n: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Balanced outcomes and calibrated normal scores whose AUC is about ``auc``."""
    from scipy import stats

    random = np.random.default_rng(seed)
    y = np.resize([0, 1], n)
    d = np.sqrt(2) * stats.norm.ppf(auc)
    x = random.normal(size=n) + d * y
    return y, 1 / (1 + np.exp(-(d * x - d * d / 2)))


def reading(column: str, task: str = "binary_classification", **more: Any) -> Any:
    """A bundle whose score is a column."""
    return make_bundle(task, lambda frame: frame[column].to_numpy(float), {column: "float64"}, **more)
