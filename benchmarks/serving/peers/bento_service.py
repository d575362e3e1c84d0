"""The same pipeline behind BentoML with adaptive batching; runs in BentoML's own environment. `PEER_MODEL` names the pipeline's file."""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np
import pandas as pd


@bentoml.service(workers=int(os.environ["PEER_WORKERS"]), traffic={"timeout": 60}, metrics={"enabled": True})
class Scoring:
    def __init__(self) -> None:
        self.pipeline = joblib.load(os.environ["PEER_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=128, max_latency_ms=1000)
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.pipeline.predict_proba(rows)[:, 1]
