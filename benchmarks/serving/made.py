"""The model that all servers answer for: 30 numbers, 5 categories, LightGBM with 200 trees; and its rows."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

NUMBERS = [f"number_{index}" for index in range(30)]
CATEGORIES = [f"category_{index}" for index in range(5)]
PARAMETERS: dict[str, Any] = {"num_leaves": 31, "num_boost_round": 200, "learning_rate": 0.05}


def rows(count: int = 4000) -> pd.DataFrame:
    """Rows with a target that some of the columns decide."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame({name: random.normal(0, 1, count).round(4) for name in NUMBERS})
    for name in CATEGORIES:
        frame[name] = random.choice(["red", "green", "blue", "white", "black", "grey"], count)
    frame["target"] = frame["number_0"] + frame["number_1"] * (frame["category_0"] == "red") + random.normal(0, 1, count) > 0
    return frame


def body(count: int) -> bytes:
    """Rows as the body of a request of this server's own form."""
    return json.dumps({"data": rows(200).drop(columns="target").head(count).to_dict("records")}).encode()


def project(folder: Path) -> tuple[str, float]:
    """A project whose champion is the model, and an API key that may call it; the second value is the first row's prediction."""
    import pyarrow as pa

    from mlops_assets.data.store import open_store
    from mlops_assets.data.training_set import load_training_set
    from mlops_assets.governance.principals import add_key, os_user
    from mlops_assets.ledger import actions, open_ledger
    from mlops_assets.modeling.bundle import Provenance
    from mlops_assets.modeling.training import train
    from mlops_assets.settings import load_settings
    from mlops_assets.spec.model import Model

    (folder / "definitions").mkdir(parents=True)
    settings = load_settings(folder)
    store, ledger = open_store(settings.store_url), open_ledger(settings.ledger_url, environment=settings.environment)
    frame = rows().rename(columns={"target": "__target"})
    frame["__split"] = np.where(np.arange(len(frame)) < 3000, "train", "holdout")
    features = [{"name": name, "type": "float64"} for name in NUMBERS] + [{"name": name, "type": "category"} for name in CATEGORIES]
    facts = {"features": features, "target": "target", "entity": [], "carried": []}
    manifest = store.write("bench/training_set", None, pa.Table.from_pandas(frame, preserve_index=False), facts=facts)
    model = Model.model_validate(
        {
            "name": "bench",
            "task": "binary_classification",
            "examples": {"from": "t", "target": "target"},
            "training": {"estimator": {"lightgbm": PARAMETERS}},
        }
    )
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "bundle"
        provenance = Provenance("bench", None, "s" * 64, {}, manifest.digest, "1", settings.environment, 1.0, 7)
        bundle = train(model, load_training_set(manifest, store), place, provenance).bundle
        store.set_pointer(f"bundles/{bundle.digest}", {"tree": store.put_tree("bundles", place)})
        first = float(bundle.predict(frame.head(1))[0])
    digests = {"bundle": bundle.digest, "trees": bundle.trees_digest, "data": "d", "spec": "s"}
    actions.record_verdict(ledger, "bench", "bench", id="v", status="pass", digests=digests, gates=[{"name": "none", "status": "pass"}])
    actions.register(ledger, "bench", 1, "bench", digests=digests, verdict="v")
    actions.promote(ledger, "bench", 1, "bench", needed=0)
    return add_key(ledger, os_user(), "bench", ["caller", "viewer"])[0], first
