"""Small projects with models that are live, made without Dagster: trained, stored, judged, registered and promoted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_assets.data.store import Store, open_store
from mlops_assets.data.training_sets.training_set import load_training_set
from mlops_assets.governance.principals import add_key, os_user
from mlops_assets.ledger import Ledger, actions, open_ledger
from mlops_assets.modeling.bundle import Bundle, Provenance
from mlops_assets.modeling.training import train
from mlops_assets.settings import Settings, load_settings
from mlops_assets.spec.model import Model

TYPES = {"age": "int64", "income": "float64", "job": "category", "member": "bool", "seen": "datetime", "born": "date"}
LIGHTGBM: dict[str, Any] = {"lightgbm": {"num_leaves": 7, "num_boost_round": 20}}


def people(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """People with a feature of every type; three quarters are training rows."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "person": np.arange(rows),
            "age": random.integers(18, 80, rows),
            "income": np.where(random.random(rows) < 0.1, np.nan, random.lognormal(3, 1, rows)),
            "job": random.choice(["baker", "nurse", "smith", None], rows),
            "member": random.random(rows) < 0.5,
            "seen": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 10_000_000, rows), unit="s"),
            "born": [d.date() for d in pd.Timestamp("1970-01-01") + pd.to_timedelta(random.integers(0, 10_000, rows), unit="D")],
        }
    )
    frame["score"] = frame["age"] + 15.0 * (frame["job"] == "baker") + random.normal(0, 10, rows)
    frame["__split"] = np.where(np.arange(rows) < rows * 3 // 4, "train", "holdout")
    return frame


TARGETS: dict[str, Any] = {
    "binary_classification": lambda frame: frame["score"] > 52,
    "multiclass_classification": lambda frame: pd.cut(frame["score"], [-1000, 40, 60, 1000], labels=["low", "mid", "high"]).astype(str),
    "regression": lambda frame: frame["score"].to_numpy(float),
}


@dataclass
class Project:
    """A project folder with its stores."""

    folder: Path
    numbers: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "definitions").mkdir(parents=True, exist_ok=True)

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder)

    @property
    def store(self) -> Store:
        return open_store(self.settings.store_url)

    @property
    def ledger(self) -> Ledger:
        return open_ledger(self.settings.ledger_url, environment=self.settings.environment)

    def trained(
        self,
        model: str = "m",
        *,
        task: str = "binary_classification",
        estimator: Mapping[str, Any] = LIGHTGBM,
        seed: int = 0,
        features: Mapping[str, str] = TYPES,
        definitions: Path = Path(),
        frame: pd.DataFrame | None = None,
    ) -> Bundle:
        """A bundle in the store, as training by Dagster leaves it; ``frame``: in place of :func:`people`, with its columns."""
        frame = people(seed=seed) if frame is None else frame.copy()
        frame["__target"] = TARGETS[task](frame)
        table = pa.Table.from_pandas(frame[list(dict.fromkeys(["person", *features, "__target", "__split"]))], preserve_index=False)
        facts = {
            "features": [{"name": name, "type": features[name]} for name in features],
            "target": "target",
            "entity": ["person"],
            "carried": [],
            "seed": seed,
        }
        manifest = self.store.write(f"{model}/training_set", None, table, facts=facts)
        spec = Model.model_validate(
            {"name": model, "task": task, "examples": {"from": "t", "target": "target"}, "training": {"estimator": dict(estimator)}}
        )
        provenance = Provenance(model, None, "s" * 64, {}, manifest.digest, "1", "test", 1.0, 7)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "bundle"
            bundle = train(spec, load_training_set(manifest, self.store), folder, provenance, threads=1, definitions=definitions).bundle
            tree = self.store.put_tree("bundles", folder)
            self.store.set_pointer(f"bundles/{bundle.digest}", {"tree": tree})
            kept = self.folder / f"bundle-{bundle.digest[:12]}"
            if not kept.exists():
                bundle.save(kept)
        return Bundle.load(kept)

    def registered(self, bundle: Bundle, model: str = "m", *, status: str = "pass", sample: float = 1.0) -> int:
        """Judge and register a bundle; returns its version."""
        digests = {"bundle": bundle.digest, "trees": bundle.trees_digest, "data": "data", "spec": "spec"}
        number = self.numbers[model] = self.numbers.get(model, 0) + 1
        gates = [{"name": "beats_naive", "status": status}]
        verdict = f"verdict-{bundle.digest[:12]}"
        ledger = self.ledger
        actions.record_verdict(ledger, model, "dagster", id=verdict, status=status, digests=digests, gates=gates, sample=sample)
        actions.register(ledger, model, number, "dagster", digests=digests, verdict=verdict, sample=sample)
        return number

    def promoted(self, bundle: Bundle, model: str = "m") -> int:
        """Make a bundle the champion; returns its version."""
        number = self.registered(bundle, model)
        actions.promote(self.ledger, model, number, "os:dev", needed=0)
        return number

    def challenged(self, bundle: Bundle, model: str = "m", *, strategy: str = "canary", share: float = 0.5) -> int:
        """Start a rollout of a bundle; returns its version."""
        number = self.registered(bundle, model)
        actions.start_rollout(self.ledger, model, number, "os:dev", needed=0, strategy=strategy, steps=[share], share=share)
        return number

    def key(self, *roles: str, name: str = "app", **options: Any) -> str:
        """A new API key."""
        return add_key(self.ledger, options.pop("by", os_user()), name, roles, **options)[0]


def json_rows(bundle: Bundle, count: int, seed: int = 0, *, entity: bool = False) -> list[dict[str, Any]]:
    """Rows as an application would send them."""
    frame = people(seed=seed).tail(count).reset_index(drop=True)
    rows = bundle.json_rows(frame)
    return [{"person": int(person), **row} for person, row in zip(frame["person"], rows, strict=True)] if entity else rows


@dataclass
class Running:
    """A server that runs as a user starts it."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10, trust_env=False, **options)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        import psutil

        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended since
                found += [child.pid] if child.status() != psutil.STATUS_ZOMBIE else []
        return found

    def wait_ready(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if httpx.get(self.url + "/health/ready", timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s: {self.log.read_text()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def start(project: Project, *arguments: str, **settings: Any) -> Running:
    """Start `mlops serve` on a free port and wait until it is ready."""
    ready, log = project.folder / f"url-{time.time_ns()}", project.folder / f"log-{time.time_ns()}"
    environment = {**os.environ, **{f"MLOPS_{name.upper()}": str(value) for name, value in settings.items()}}
    command = [sys.executable, "-m", "mlops_assets", "serve"]
    command += ["--project", str(project.folder), "--port", "0", "--ready", str(ready), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    deadline = time.monotonic() + 30
    while not ready.exists() or not ready.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    running = Running(process, ready.read_text(), log)
    running.wait_ready()
    return running
