"""One round: a training set that a sound model is trained on and judged by, and what an older model, the champion, learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_assets.data.training_sets.training_set import TrainingSet
from mlops_assets.modeling.bundle import Bundle, Provenance
from mlops_assets.modeling.gates import GateContext
from mlops_assets.modeling.training import train
from mlops_assets.spec.model import Model

OLDER = 0.8
"""Share of the training rows, the oldest ones, that the champion learned from."""
PROVENANCE = Provenance("model", None, "spec", {}, "data", "code", "test", 1.0, 0)


@dataclass(frozen=True)
class Round:
    """A world at one time, or with one seed."""

    world: str
    name: str
    model: Model
    rows: TrainingSet
    folder: Path = Path()

    def train(self, folder: Path, rows: TrainingSet | None = None) -> Bundle:
        """A model of the training rows of this round, or of others."""
        return train(self.model, rows or self.rows, folder, PROVENANCE, definitions=self.folder, threads=1).bundle

    def older(self) -> TrainingSet:
        """The same round with the oldest part of its training rows."""
        table = self.rows.table
        side = np.asarray(table.column("__split").to_pylist(), dtype=object)
        learned = np.flatnonzero(side == "train")
        ends = table.column("__label_end").to_numpy(zero_copy_only=False)[learned] if "__label_end" in table.column_names else None
        if ends is not None and not pd.isna(ends).all():
            learned = learned[np.argsort(ends, kind="stable")]
        kept = np.concatenate([learned[: int(OLDER * len(learned))], np.flatnonzero(side == "holdout")])
        return replace(self.rows, table=table.take(pa.array(np.sort(kept))))

    def context(self, bundle: Bundle, champion: Bundle | None, **more: Any) -> GateContext:
        """What the gates look at."""
        return GateContext(self.model, bundle, more.pop("rows", self.rows), None, champion, self.folder, self.model.training.seed, **more)


@dataclass(frozen=True)
class World:
    """A named source of rounds; ``rounds(count)`` yields at most so many."""

    name: str
    kind: str
    rounds: Callable[[int], Iterator[Round]]


def model_of(task: str, seed: int, **training: Any) -> Model:
    """A model with LightGBM's defaults and the default gates."""
    return Model.model_validate({
        "name": "model", "task": task, "examples": {"from": "rows", "target": "y"},
        "training": {"estimator": {"lightgbm": {"num_boost_round": 100}}, "seed": seed, **training},
    })  # fmt: skip


def rows_of(
    frame: pd.DataFrame, holdout: np.ndarray, *, as_of: Any = None, horizon: str = "0d", entity: tuple[str, ...] = ()
) -> TrainingSet:
    """A training set of a frame with the outcome in ``y``; ``holdout (n,)`` is True for judged rows, ``as_of (n,)`` the rows' moments.

    A training row whose label, final after ``horizon``, looks into the holdout is dropped.
    """
    table = frame.drop(columns="y").copy()
    moments = pd.to_datetime(pd.Series(as_of if as_of is not None else pd.NaT, index=frame.index), utc=True)
    table["__as_of"], table["__label_end"] = moments, moments + pd.Timedelta(horizon)
    table["__split"] = np.where(holdout, "holdout", "train")
    table["__target"] = frame["y"]
    if as_of is not None:
        table = table[holdout | (table["__label_end"] <= moments[holdout].min())]
    features = [{"name": name, "type": kind_of(frame[name])} for name in frame.columns if name not in ("y", *entity)]
    facts = {"features": features, "entity": list(entity), "target": "y", "carried": []}
    manifest: Any = SimpleNamespace(digest="0" * 64)
    return TrainingSet(manifest, pa.Table.from_pandas(table, preserve_index=False), facts)


def kind_of(column: pd.Series) -> str:
    """The type of a feature, as the language says it."""
    if column.dtype == bool:
        return "bool"
    return "int64" if column.dtype.kind == "i" else "float64" if column.dtype.kind == "f" else "category"
