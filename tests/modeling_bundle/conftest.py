"""Training sets as the data room builds them, from small frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.data.store import Manifest
from mlops_assets.data.training_sets.training_set import TrainingSet
from mlops_assets.modeling.bundle import Provenance
from mlops_assets.modeling.training import Trained, train
from mlops_assets.spec.model import Model

TYPES = {"age": "int64", "income": "float64", "job": "category", "member": "bool", "seen": "datetime", "born": "date", "city": "string"}


@pytest.fixture
def people() -> pd.DataFrame:
    """600 people, 450 of them for training; older ones and bakers are more often `True`."""
    random = np.random.default_rng(0)
    rows = 600
    frame = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "income": np.where(random.random(rows) < 0.1, np.nan, random.lognormal(3, 1, rows)),
            "job": random.choice(["baker", "nurse", "smith", None], rows),
            "member": random.random(rows) < 0.5,
            "seen": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 10_000_000, rows), unit="s"),
            "born": [d.date() for d in pd.Timestamp("1970-01-01") + pd.to_timedelta(random.integers(0, 10_000, rows), unit="D")],
            "city": random.choice(["Rome", "Oslo"], rows),
        }
    )
    frame["__target"] = frame["age"] + 15.0 * (frame["job"] == "baker") + random.normal(0, 10, rows) > 52
    frame["__split"] = np.where(np.arange(rows) < 450, "train", "holdout")
    return frame


@pytest.fixture
def training_set() -> Callable[..., TrainingSet]:
    """Builds a training set from a frame; features are all columns without a reserved name."""

    def build(frame: pd.DataFrame, types: Mapping[str, str] = TYPES, entity: tuple[str, ...] = ()) -> TrainingSet:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        features = [{"name": name, "type": types[name]} for name in frame.columns if name in types]
        facts = {"features": features, "target": "target", "entity": list(entity), "carried": []}
        schema = tuple((name, str(table.schema.field(name).type)) for name in table.column_names)
        manifest = Manifest(asset="m/training_set", partition=None, files=(), rows=table.num_rows, schema=schema, facts=facts)
        return TrainingSet(manifest, table, facts)

    return build


@pytest.fixture
def declare() -> Callable[..., Model]:
    """A model over a table of examples, with these fields of `training`."""

    def build(task: str = "binary_classification", positive: Any = None, **training: Any) -> Model:
        body = {"name": "m", "task": task, "positive": positive, "examples": {"from": "t", "target": "target"}, "training": training}
        return Model.model_validate(body)

    return build


@pytest.fixture
def provenance() -> Provenance:
    return Provenance(
        model="m",
        as_of=None,
        spec_digest="s" * 64,
        data={"t": "d" * 64},
        training_set="t" * 64,
        code_version="1",
        environment="test",
        sample=1.0,
        seed=7,
    )


@pytest.fixture
def learn(
    tmp_path: Path, training_set: Callable[..., TrainingSet], declare: Callable[..., Model], provenance: Provenance
) -> Callable[..., Trained]:
    """Train on a frame into a new directory."""
    made = iter(range(1000))

    def run(
        frame: pd.DataFrame,
        *,
        types: Mapping[str, str] = TYPES,
        threads: int = 1,
        entity: tuple[str, ...] = (),
        definitions: Path = tmp_path,
        on_trial: Any = None,
        **spec: Any,
    ) -> Trained:
        data = training_set(frame, types, entity)
        folder = tmp_path / f"bundle{next(made)}"
        return train(declare(**spec), data, folder, provenance, threads=threads, definitions=definitions, on_trial=on_trial)

    return run
