"""A scratch project with one live model: 200 trees of LightGBM on 30 numbers and 5 texts, made by the project's own modules."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.data.store import Store
    from mlops_assets.ledger import Ledger
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.settings import Settings

MODEL = "scoring"
NUMBERS = tuple(f"number_{index}" for index in range(30))
TEXTS = {"color": 4, "city": 12, "plan": 3, "device": 6, "campaign": 25}
"""Text features and how many categories each has."""

FEATURES = {**dict.fromkeys(NUMBERS, "float64"), **dict.fromkeys(TEXTS, "category")}
TREES = 200


def frame(rows: int = 20_000, seed: int = 0) -> pd.DataFrame:
    """Synthetic rows: independent features, a target that depends on some of them, three quarters for training."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {name: random.normal(0, 1, rows).round(4) for name in NUMBERS}
    for name, count in TEXTS.items():
        columns[name] = np.array([f"{name}_{index}" for index in range(count)])[random.integers(0, count, rows)]
    made = pd.DataFrame(columns)
    effect = made["number_0"] - made["number_1"] * made["number_2"] + (made["city"] == "city_3") + random.normal(0, 1, rows)
    made["__target"] = effect > 0.2
    made["__split"] = np.where(np.arange(rows) < rows * 3 // 4, "train", "holdout")
    return made


def json_rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Rows as an application would send them."""
    made = frame(count, seed)
    return [dict(zip(FEATURES, values, strict=True)) for values in zip(*(made[name].tolist() for name in FEATURES), strict=True)]


class Scratch:
    """A project in ``folder``: models are trained, stored, judged and made champion as its assets would do it, without Dagster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "definitions").mkdir(parents=True, exist_ok=True)
        self._versions = 0

    @cached_property
    def settings(self) -> Settings:
        from mlops_assets.settings import load_settings

        return load_settings(self.folder, "test")

    @cached_property
    def store(self) -> Store:
        from mlops_assets.data.store import open_store

        return open_store(self.settings.store_url)

    @cached_property
    def ledger(self) -> Ledger:
        from mlops_assets.ledger import open_ledger

        return open_ledger(self.settings.ledger_url, environment=self.settings.environment)

    def train(self, seed: int = 7, *, rows: int = 20_000, trees: int = TREES) -> Bundle:
        """A bundle in the store; another seed gives other trees."""
        import pyarrow as pa

        from mlops_assets.data.training_sets.training_set import load_training_set
        from mlops_assets.modeling.bundle import Provenance
        from mlops_assets.modeling.training import train
        from mlops_assets.spec.model import Model

        facts = {"features": [{"name": n, "type": t} for n, t in FEATURES.items()], "target": "target", "entity": [], "carried": []}
        table = pa.Table.from_pandas(frame(rows), preserve_index=False)
        manifest = self.store.write(f"{MODEL}/training_set", None, table, facts=facts)
        estimator = {"lightgbm": {"num_boost_round": trees, "feature_fraction": 0.9}}
        spec = Model.model_validate(
            {
                "name": MODEL,
                "task": "binary_classification",
                "examples": {"from": "rows", "target": "target"},
                "training": {"estimator": estimator, "seed": seed},
            }
        )
        provenance = Provenance(MODEL, None, "synthetic", {}, manifest.digest, "1", self.settings.environment, 1.0, seed)
        folder = Path(tempfile.mkdtemp(prefix="bundle-", dir=self.folder))
        bundle = train(spec, load_training_set(manifest, self.store), folder, provenance).bundle
        self.store.set_pointer(f"bundles/{bundle.digest}", {"tree": self.store.put_tree("bundles", folder)})
        return bundle

    def register(self, bundle: Bundle) -> int:
        """Record a passing verdict and make the bundle a candidate; returns its version."""
        from mlops_assets.ledger import actions

        self._versions += 1
        digests = {"bundle": bundle.digest, "trees": bundle.trees_digest, "data": bundle.provenance.training_set, "spec": "synthetic"}
        verdict = f"verdict-{bundle.digest[:16]}"
        gates = [{"name": "beats_naive", "status": "pass"}]
        actions.record_verdict(self.ledger, MODEL, "benchmark", id=verdict, status="pass", digests=digests, gates=gates)
        actions.register(self.ledger, MODEL, self._versions, "benchmark", digests=digests, verdict=verdict)
        return self._versions

    def promote(self, version: int) -> None:
        """Make a candidate the champion."""
        from mlops_assets.ledger import actions

        actions.promote(self.ledger, MODEL, version, "benchmark", needed=0)

    def shadow(self, version: int) -> None:
        """Make a candidate the champion's shadow."""
        from mlops_assets.ledger import actions

        actions.start_rollout(self.ledger, MODEL, version, "benchmark", needed=0, strategy="shadow", steps=[0.0], share=0.0)

    def rollback(self) -> int:
        """Give all traffic back to the champion before; returns its version."""
        from mlops_assets.ledger import actions

        restored: int = actions.rollback(self.ledger, MODEL, "benchmark", reason="benchmark").body["restored"]
        return restored

    def key(self) -> str:
        """A new API key of an application."""
        from mlops_assets.governance.principals import add_key, os_user

        return add_key(self.ledger, os_user(), "benchmark", ["caller"])[0]
