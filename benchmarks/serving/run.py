"""The prediction server beside an echo application and beside other servers, with the same model and the same rows.

    python benchmarks/serving/run.py [--seconds 5] [--rounds 3] [--minutes 1] [--peers FOLDER | --no-peers] [--parts closed costs …]

Needs `wrk`. Everything runs on this machine, which the load generator shares, in five parts:

closed  32 connections of `wrk`, one row and a hundred rows a request: `mlops serve` with typed validation, key check, journal and
        metrics, an echo application on the same stack, and mlflow, MLServer and BentoML with the same trees behind a scikit-learn
        pipeline. Peers have no key check and no journal. They are installed below ``--peers`` with pip, each in its own environment.
costs   what each of the four duties costs: the same server without it, in turns.
shadow  latency at a fixed rate, and requests/s, with a shadow and without one, in turns.
open    requests at a fixed rate for ``--minutes``, latency counted from when each was due.
swaps   ten promotions and ten rollbacks while requests come at that rate, every answer held against the ledger.

Rounds of what is compared take turns; the table shows their medians. ``--json FILE`` keeps every number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.serving import closed_loop, open_loop, swaps
from benchmarks.serving.contenders import echo, server, variant
from benchmarks.serving.machine import Neighbours, describe, own_seconds, wait_for_quiet
from benchmarks.serving.running import Contender, Running, started
from benchmarks.serving.scratch import Scratch, json_rows
from benchmarks.serving.table import render
from benchmarks.serving.variants import DUTIES

PARTS = ("closed", "costs", "shadow", "open", "swaps")
BODIES = 16
"""Different requests that are sent in turn."""

ROWS = json_rows(BODIES * 100)
EQUAL = 1e-12
CHANGES = 10
PAUSE = 1.5


def main() -> int:
    """Measure what is asked for and print it."""
    options = _options()
    if not closed_loop.available():
        print("wrk is not installed: `apt-get install wrk` or https://github.com/wg/wrk", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))  # so that servers end with their benchmark
    with tempfile.TemporaryDirectory(prefix="mlops-serving-") as folder:
        report = {"machine": describe(), "settings": {name: str(value) for name, value in vars(options).items()}}
        if options.resume and options.json and options.json.exists():
            report = json.loads(options.json.read_text(encoding="utf-8"))
        left = [part for part in options.parts if part not in report]
        bench = Bench(Path(folder), options) if left else None
        for part in left:
            print(f"{part} …", file=sys.stderr)
            if options.quiet:
                wait_for_quiet(options.quiet)
            report[part] = getattr(bench, part)()
            if options.json:
                options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(render(report))
    return 0 if report.get("swaps", {}).get("passed", True) else 1


class Bench:
    """A scratch project with a champion, and the measurements on it."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder = folder
        self.options = options
        self.scratch = Scratch(folder / "project")
        print("training …", file=sys.stderr)
        self.bundle = self.scratch.train()
        self.scratch.promote(self.scratch.register(self.bundle))
        self.key = self.scratch.key()
        self.expected = self.bundle.predict_rows(ROWS[:100]).tolist()

    def closed(self) -> list[dict[str, Any]]:
        """Requests/s of every server."""
        project = self.scratch.folder
        rows = self._together([echo(), server(project, self.key), server(project, self.key, form="mlflow")])
        rows += self._together([echo(workers=2), server(project, self.key, workers=2)])
        return rows + [self._peer(contender) for contender in self._peers()]

    def costs(self) -> list[dict[str, Any]]:
        """One worker with all duties, and without each."""
        variants = [variant(self.scratch.folder, self.key, duty) for duty in (None, *DUTIES)]
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self._started(contender)) for contender in variants]
            rounds = [[self._round(running, 1) for running in servers] for _ in range(2 * self.options.rounds)]
        return [{"name": contender.name, **_median([turn[index] for turn in rounds])} for index, contender in enumerate(variants)]

    def shadow(self) -> list[dict[str, Any]]:
        """The same champion with and without a shadow: at the fixed rate, and with 32 connections."""
        watched = Scratch(self.folder / "shadowed")
        watched.promote(watched.register(watched.train()))
        watched.shadow(watched.register(watched.train(8)))
        projects = {"no shadow": (self.scratch.folder, self.key), "with a shadow": (watched.folder, watched.key())}
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self._started(server(*given))) for given in projects.values()]
            rounds = [[self._paced(running) for running in servers] for _ in range(2 * self.options.rounds)]
            closed = [[self._round(running, 1) for running in servers] for _ in range(self.options.rounds)]
        return [
            {
                "name": name,
                **{part: statistics.median(turn[index][part] for turn in rounds) for part in ("p50", "p95", "p99", "cpu")},
                "errors": sum(turn[index]["errors"] for turn in rounds),
                "neighbours": max(turn[index]["neighbours"] for turn in rounds),
                "paced": self.options.rate,
                "closed": _median([turn[index] for turn in closed]),
            }
            for index, name in enumerate(projects)
        ]

    def open(self) -> dict[str, Any]:
        """Latencies at a fixed rate."""
        with self._started(server(self.scratch.folder, self.key)) as running:
            self._round(running, 1, seconds=1)
            return self._paced(running, 60 * self.options.minutes)

    def swaps(self) -> dict[str, Any]:
        """Changes of the champion under load."""
        made = [self.scratch.register(self.scratch.train(seed, rows=4000)) for seed in range(100, 100 + CHANGES)]
        steps: list[Callable[[], int]] = []
        for version in made:
            steps += [partial(self._promoted, version), self.scratch.rollback]
        workers = 2
        with self._started(server(self.scratch.folder, self.key, workers=workers)) as running:
            watch, before, own = Neighbours(), running.cpu_seconds(), own_seconds()
            load = self._load(running, (len(steps) + 2) * (PAUSE + 0.1))
            report = swaps.run(load, 1, steps, pause=PAUSE)
            used = running.cpu_seconds() - before
            neighbours = watch.share(used + own_seconds() - own)
        return {
            **_latencies(report.outcome),
            **self._asked(report.outcome, used),
            "workers": workers,
            "promotions": len(made),
            "rollbacks": len(made),
            "wrong": report.wrong + report.unknown,
            "oldest": report.oldest,
            "picked_up": max(report.picked_up, default=float("nan")),
            "passed": report.passed,
            "neighbours": neighbours,
        }

    def _promoted(self, version: int) -> int:
        self.scratch.promote(version)
        return version

    def _peers(self) -> Iterator[Contender]:
        if self.options.no_peers:
            return
        from benchmarks.serving.peers.contenders import PACKAGES, contenders, install
        from benchmarks.serving.peers.model import write

        print(f"peers in {self.options.peers} …", file=sys.stderr)
        problems = install(self.options.peers)
        for name, problem in problems.items():
            print(f"{name} cannot be installed: {problem}", file=sys.stderr)
        models = self.folder / "models"
        models.mkdir()
        if (difference := write(self.bundle, models)) > 0:
            raise RuntimeError(f"the peers' pipeline differs from the model by {difference}")
        yield from contenders(self.options.peers, models, [name for name in PACKAGES if name not in problems])

    @contextlib.contextmanager
    def _started(self, contender: Contender) -> Iterator[Running]:
        with started(contender, ROWS[0], self.folder) as running:
            if contender.read is not None:
                answers = running.ask(ROWS[:100])
                if max(abs(one - other) for one, other in zip(answers, self.expected, strict=True)) > EQUAL:
                    raise RuntimeError(f"{contender.name} gives other numbers than the model")
            yield running

    def _together(self, contenders: Sequence[Contender], *, peer: bool = False) -> list[dict[str, Any]]:
        """Servers that run side by side and are measured in turns, so that a busy moment of the machine meets all of them."""
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(self._started(contender)) for contender in contenders]
            for running in servers:
                self._round(running, 1, seconds=1)
            memory = [running.memory_mb() for running in servers]
            rounds = [[(self._round(running, 1), self._round(running, 100)) for running in servers] for _ in range(self.options.rounds)]
            return [
                {
                    "name": running.contender.name,
                    "peer": peer,
                    "first_answer": running.first_answer,
                    "memory": memory[index],
                    "one": _median([turn[index][0] for turn in rounds]),
                    "many": _median([turn[index][1] for turn in rounds]),
                }
                for index, running in enumerate(servers)
            ]

    def _peer(self, contender: Contender) -> dict[str, Any]:
        try:
            return self._together([contender], peer=True)[0]
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return {"name": contender.name, "peer": True, "problem": str(error)}

    def _round(self, running: Running, rows: int, seconds: float | None = None) -> dict[str, Any]:
        bodies = [running.contender.body(ROWS[index * rows : (index + 1) * rows]) for index in range(BODIES)]
        watch, before = Neighbours(), running.cpu_seconds()
        found = closed_loop.run(running.url, bodies, dict(running.contender.headers), seconds=seconds or self.options.seconds)
        used = running.cpu_seconds() - before
        return {
            "rate": found.rate,
            "p50": found.p50,
            "p99": found.p99,
            "cpu": 1e6 * used / max(1, found.requests),
            "errors": found.errors,
            "requests": found.requests,
            "neighbours": watch.share(used + found.wrk_seconds),
        }

    def _paced(self, running: Running, seconds: float | None = None) -> dict[str, Any]:
        watch, before, own = Neighbours(), running.cpu_seconds(), own_seconds()
        outcome = open_loop.run(self._load(running, seconds or self.options.seconds))
        used = running.cpu_seconds() - before
        return {**_latencies(outcome), **self._asked(outcome, used), "neighbours": watch.share(used + own_seconds() - own)}

    def _load(self, running: Running, seconds: float) -> open_loop.Load:
        contender = running.contender
        requests = [open_loop.http_request(contender.path, contender.body([row]), headers=dict(contender.headers)) for row in ROWS[:BODIES]]
        return open_loop.Load("127.0.0.1", running.port, requests, self.options.rate, seconds, keep=b'"version":')

    def _asked(self, outcome: open_loop.Outcome, used: float) -> dict[str, Any]:
        answers = len(outcome.due)
        return {"rate": self.options.rate, "answers": answers, "errors": outcome.errors, "cpu": 1e6 * used / max(1, answers)}


def _latencies(outcome: open_loop.Outcome) -> dict[str, float]:
    ordered = outcome.latencies
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "most": 1.0}
    found = {name: 1000 * open_loop.quantile(ordered, share) for name, share in shares.items()}
    return {**found, "late": 1000 * outcome.late, "seconds": round(max(outcome.due) - min(outcome.due), 1) if outcome.due else 0.0}


def _median(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of numbers over rounds; errors and requests are sums, neighbours the worst."""
    result = {name: statistics.median(turn[name] for turn in rounds) for name in ("rate", "p50", "p99", "cpu")}
    return {
        **result,
        "errors": sum(turn["errors"] for turn in rounds),
        "requests": sum(turn["requests"] for turn in rounds),
        "neighbours": max(turn["neighbours"] for turn in rounds),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="of each round of wrk")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that take turns")
    parser.add_argument("--minutes", type=float, default=1, help="of the open loop")
    parser.add_argument("--rate", type=float, default=1000, help="requests a second of the open loop and of the swaps")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--peers", type=Path, default=Path(tempfile.gettempdir()) / "mlops-serving-peers", help="where peers are installed")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--quiet", type=float, default=0, help="seconds to wait, at the longest, before each part for a quiet machine")
    parser.add_argument("--json", type=Path, help="file for all numbers")
    parser.add_argument("--resume", action="store_true", help="measure only the parts that the file does not hold yet")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
