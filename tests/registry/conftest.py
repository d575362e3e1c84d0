"""A real MLflow on SQLite for every test, from one template database, and small real bundles."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mlops_assets.modeling.bundle import Bundle, Provenance, write_bundle
from mlops_assets.modeling.encoding import Encoder
from mlops_assets.modeling.estimators.lightgbm import LightGBMRecipe
from mlops_assets.modeling.estimators.protocol import Matrix, Problem
from mlops_assets.modeling.signature import Feature, Signature
from mlops_assets.modeling.target import Target
from mlops_assets.registry import Registry, open_registry

FEATURES = (
    Feature("age", "int64", nullable=True),
    Feature("amount", "float64", nullable=True),
    Feature("plan", "category", nullable=True),
    Feature("town", "string", nullable=True),
    Feature("vip", "bool", nullable=False),
    Feature("joined", "datetime", nullable=True),
)


def make_frame(rows: int) -> pd.DataFrame:
    """Rows with every feature type; the target depends on age, amount and plan."""
    index = pd.Series(range(rows))
    return pd.DataFrame(
        {
            "age": (index * 7) % 60 + 18,
            "amount": ((index * 13) % 101) / 3.0,
            "plan": index.map(lambda i: ("basic", "plus", "pro")[i % 3]),
            "town": index.map(lambda i: ("Ulm", "Köln")[i % 2]),
            "vip": index % 5 == 0,
            "joined": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(index % 300, unit="D"),
        }
    )


def make_bundle(folder: Path, *, seed: int = 1, trees: int = 10) -> Bundle:
    """A LightGBM bundle for a binary target."""
    frame = make_frame(400)
    labels = pd.Series((frame["age"] + frame["amount"] + (frame["plan"] == "pro") * 30 + seed * frame.index % 17) > 75)
    target = Target.fit(labels, "binary_classification")
    encoder = Encoder.fit(frame, FEATURES, form="native")
    categorical = [encoder.names.index(name) for name in ("plan", "town")]
    matrix = Matrix(encoder.transform(frame), target.encode(labels), None, list(encoder.names), categorical)
    recipe = LightGBMRecipe(Problem("binary_classification", 2, seed, 1), {"num_boost_round": trees})
    provenance = Provenance(
        model="churn",
        as_of="2026-06-01",
        spec_digest="5" * 64,
        data={"orders@2026-05-01": "a" * 64},
        training_set="d" * 64,
        code_version="1",
        environment="test",
        sample=1.0,
        seed=seed,
        libraries={"lightgbm": "4.7.0", "pandas": "2.3.3"},
    )
    return write_bundle(
        folder,
        signature=Signature(FEATURES, ("customer_id",)),
        target=target,
        encoder=encoder,
        provenance=provenance,
        rows=len(frame),
        kind="lightgbm",
        params={"num_boost_round": trees},
        fitted=recipe.fit(matrix),
    )


@pytest.fixture(scope="session")
def frame_of() -> Callable[[int], pd.DataFrame]:
    """Makes rows that the bundles score."""
    return make_frame


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """Two versions of one model that give different numbers."""
    folder = tmp_path_factory.mktemp("bundles")
    return make_bundle(folder / "one", seed=1), make_bundle(folder / "two", seed=5, trees=25)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without experiments of ours; making one takes seconds."""
    folder = tmp_path_factory.mktemp("template")
    open_registry(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), experiment="template")
    return folder / "mlflow.db"


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """Folder with an own MLflow database, ``mlflow.db``."""
    shutil.copyfile(template, tmp_path / "mlflow.db")
    return tmp_path


@pytest.fixture
def open_again(home: Path) -> Callable[[], Registry]:
    """Opens the same MLflow as another process would."""

    def opened(**settings: Any) -> Registry:
        return open_registry(f"sqlite:///{home / 'mlflow.db'}", str(home / "artifacts"), **settings)

    return opened


@pytest.fixture
def registry(open_again: Callable[[], Registry]) -> Registry:
    """The registry under test."""
    return open_again()
