"""The same pipeline behind BentoML with adaptive batching; runs in BentoML's own environment. `PEER_MODEL` names the pipeline's file."""

from __future__ import annotations

import os
from typing import Any

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=int(os.environ["PEER_WORKERS"]), traffic={"timeout": 60})
class Scoring:
    """Scores rows; BentoML joins those of concurrent requests into one call."""

    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["PEER_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=1000, max_latency_ms=5000)
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        """Probabilities of rows."""
        probabilities: list[float] = self.pipeline.predict_proba(pd.DataFrame(rows))[:, 1].tolist()
        return probabilities
