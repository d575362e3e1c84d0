"""Appends per second, fold time and verification time at 1,000, 10,000 and 100,000 events, on SQLite and on PostgreSQL.

    python benchmarks/ledger/run.py [--postgresql postgresql://user@host/database] [--sizes 1000 10000 100000]

The log holds lives of ten models: verdicts, registrations, promotions, rollouts, drift. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlops_assets.ledger import Draft, Ledger, fold, open_ledger
from mlops_assets.ledger.verify import verify

MODELS = 10
BATCH = 500
SINGLE = 300


def life(model: str) -> Iterator[Draft]:
    """The endless life of a model: ten events for each version."""
    champion: int | None = None
    number = 0
    while True:
        number += 1
        digests = {"bundle": f"{model}-{number}", "trees": "t", "data": "d", "spec": "s"}
        verdict = {"id": f"v{number}", "status": "pass", "digests": digests, "environment": "prod", "sample": 1.0}
        gates = [{"name": f"gate{index}", "status": "pass", "observed": 0.8, "required": ">= 0.7", "n": 1000} for index in range(6)]
        bound = {"verdict": f"v{number}", "digests": digests, "needed": 0}

        def draft(kind: str, body: dict[str, Any], version: int | None = None) -> Draft:
            return Draft(kind, "bench", body, model, "prod", version)

        yield draft("verdict", {**verdict, "gates": gates})
        yield draft("registered", {"digests": digests, "verdict": f"v{number}", "sample": 1.0}, number)
        if champion is not None:
            rollout = {"strategy": "canary", "share": 0.05, "steps": [0.05, 0.5], "replaces": champion}
            yield draft("rollout_started", {**bound, **rollout}, number)
            yield draft("analysed", {"step": 0, "result": "pass", "numbers": {"error_rate": 0.01}, "n": 900}, number)
            yield draft("traffic_shifted", {"share": 0.5, "step": 1}, number)
            yield draft("analysed", {"step": 1, "result": "pass", "numbers": {"error_rate": 0.01}, "n": 9000}, number)
        yield draft("promoted", {**bound, "approvers": [], "replaces": champion}, number)
        champion = number
        for week in range(3):
            yield draft("drift_found", {"metric": "psi", "window": f"w{number}.{week}", "numbers": {"psi": 0.2}, "n": 1000})


def fill(ledger: Ledger, events: int) -> None:
    """Append lives until the log holds ``events``."""
    lives = [life(f"model{index}") for index in range(MODELS)]
    left, turn = events, 0
    while left:
        count = min(BATCH, left)
        ledger.append_all([next(lives[turn % MODELS]) for _ in range(count)])
        left, turn = left - count, turn + 1


def seconds(act: Callable[[], object]) -> float:
    """How long ``act`` takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def measure(url: str, events: int, checkpoints: Path) -> dict[str, Any]:
    """All figures at one size."""
    ledger = open_ledger(url, environment="prod", checkpoints=checkpoints)
    filling = seconds(lambda: fill(ledger, events))
    note = Draft("drift_found", "bench", {"metric": "psi", "window": "w", "numbers": {"psi": 0.2}, "n": 10}, "model0", "prod")
    single = seconds(lambda: [ledger.append(note) for _ in range(SINGLE)])
    kept = list(ledger.events())
    cold = open_ledger(url, environment="prod", create=False)
    result = {
        "events": events,
        "batched_appends_per_second": round(events / filling),
        "single_appends_per_second": round(SINGLE / single),
        "fold_in_memory_ms": round(1000 * seconds(lambda: fold(kept)), 1),
        "read_and_fold_ms": round(1000 * seconds(cold.fold), 1),
        "next_read_ms": round(1000 * seconds(cold.fold), 2),
        "verify_ms": round(1000 * seconds(lambda: verify(ledger)), 1),
    }
    ledger.close()
    cold.close()
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", help="URL of an empty database; its events table is made anew for each size")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": platform.machine(), "python": platform.python_version(), "sqlite": [], "postgresql": []}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            report["sqlite"].append(measure(f"sqlite:///{folder}/ledger.db", size, Path(folder) / "checkpoints"))
        if options.postgresql:
            _empty(options.postgresql)
            with tempfile.TemporaryDirectory() as folder:
                report["postgresql"].append(measure(options.postgresql, size, Path(folder)))
    json.dump(report, sys.stdout, indent=2)
    print()


def _empty(url: str) -> None:
    from mlops_assets.ledger.engine import make_engine

    engine = make_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS events CASCADE")
    engine.dispose()


if __name__ == "__main__":
    main()
