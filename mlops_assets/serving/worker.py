"""One worker: a process with one event loop that answers for every model, behind a socket that the supervisor opened."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.serving.access import Gate
from mlops_assets.serving.follower import Follower
from mlops_assets.serving.journal import Journal
from mlops_assets.serving.metrics import Metrics, worker_name
from mlops_assets.serving.requests import Limits
from mlops_assets.serving.routing import Variant
from mlops_assets.serving.segments import backlog
from mlops_assets.serving.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_assets.serving.entities import EntityFeatures
    from mlops_assets.serving.versions import Served
    from mlops_assets.settings import Settings

log = logging.getLogger(__name__)

SWITCH = 0.0005
"""Seconds after which a thread gives way to one that waits for the interpreter; with Python's own ten times as many, rows that another
thread has scored would wait for their turn longer than scoring took."""

HOUSEKEEPING = 1.0
"""Seconds between two rounds of leaving numbers for other workers."""


class Worker:
    """Everything that one worker holds, made from the project's settings."""

    def __init__(self, settings: Settings, *, workers: int = 1) -> None:
        from mlops_assets.data.store import open_store
        from mlops_assets.ledger import open_ledger

        self.folder = Path(tempfile.mkdtemp(prefix="mlops-serving-"))
        name = worker_name()
        self.metrics = Metrics(settings.home / "serving" / "metrics", name)
        self.journal = (
            Journal(
                settings.journal,
                flush=settings.journal_flush,
                sync=settings.journal_sync,
                limit=settings.journal_memory_mb * 2**20,
                segment=settings.journal_segment_mb * 2**20,
                rotate=settings.journal_rotate,
            )
            if settings.journal_on
            else None
        )
        self.gate = Gate(settings.environment, anonymous=settings.serve_anonymous, rate=settings.serve_rate_limit / workers)
        self.follower = Follower(
            open_ledger(settings.ledger_url, environment=settings.environment),
            open_store(settings.store_url),
            settings.environment,
            self.folder,
            variant=self._variant,
            changed=self._changed,
        )
        limits = Limits(
            body=int(settings.serve_body_mb * 2**20),
            rows=settings.serve_rows,
            waiting=10 * settings.serve_rows,
            timeout=settings.serve_timeout,
        )
        self.server = Server(
            self.follower, self.gate, self.metrics, journal=self.journal, limits=limits, entities=_entities(settings), on_stop=self.stop
        )
        self._journal_folder = settings.journal
        self.metrics.gauges = self._gauges
        self.metrics.counters = self._counters
        self._stopping = threading.Event()

    def start(self) -> None:
        """Load what is live and begin to follow."""
        self.follower.start()
        if self.journal is not None:
            self.journal.start()
        threading.Thread(target=self._keep_house, name="housekeeping", daemon=True).start()

    def stop(self) -> None:
        """Write what is left and give everything back."""
        self._stopping.set()
        self.follower.stop()
        if self.journal is not None:
            self.journal.stop()
        self.metrics.save()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _variant(self, served: Served, name: str) -> Variant:
        if self.journal is not None:
            bundle = served.scorer.bundle
            features = [(f.name, f.type) for f in bundle.signature.features]
            self.journal.describe(served.model, served.number, bundle.task, features, list(bundle.signature.entity), list(bundle.classes))
        return Variant(served, name, self.metrics.stats(served.model, served.number, name))

    def _changed(self) -> None:
        if self.follower.state is not None:
            self.gate.follow(self.follower.state.keys)

    def _keep_house(self) -> None:
        while not self._stopping.wait(HOUSEKEEPING):
            self.metrics.save()

    def _counters(self) -> Iterator[tuple[str, tuple[tuple[str, str], ...], float]]:
        if self.journal is not None:
            yield "mlops_journal_lines_total", (), self.journal.written
            yield "mlops_journal_dropped_total", (), self.journal.dropped
            yield "mlops_journal_failures_total", (), self.journal.failures
        for model, rows in list(self.server.own.stale_rows.items()):
            yield "mlops_features_stale_total", (("model", model),), rows

    def _gauges(self) -> Iterator[tuple[str, tuple[tuple[str, str], ...], float]]:
        follower = self.follower
        yield "mlops_ledger_lag_seconds", (), min(follower.lag, 1e9)
        if follower.state is not None:
            yield "mlops_ledger_sequence", (), follower.state.sequence
        if self.server.predictor.thread is not None:
            yield "mlops_queue_rows", (), self.server.predictor.thread.waiting
        if self.journal is not None:
            yield "mlops_journal_waiting_bytes", (), self.journal.waiting
            yield "mlops_journal_lag_seconds", (), self.journal.lag
            segments, oldest = backlog(self._journal_folder)
            yield "mlops_journal_segments", (), segments
            yield "mlops_journal_backlog_seconds", (), time.time() - oldest if oldest is not None else 0.0
        for model, age in list(self.server.own.feature_age.items()):
            yield "mlops_feature_age_seconds", (("model", model),), age
        for model, deployed in follower.models.items():
            yield "mlops_model_degraded", (("model", model),), float(model in follower.problems)
            for variant in deployed.variants():
                labels = (("model", model), ("version", str(variant.served.number)))
                yield "mlops_model_load_seconds", labels, variant.served.seconds
                yield "mlops_model_path", (*labels, ("path", variant.served.scorer.path)), 1.0


def _entities(settings: Settings) -> dict[str, EntityFeatures]:
    """What can be looked up by entity. A model whose definition has errors still answers rows of features."""
    from mlops_assets.serving.entities import entity_features
    from mlops_assets.serving.online import open_online
    from mlops_assets.spec.checking.sound import sound_part

    definitions = sound_part(settings.project)
    catalogue = definitions.catalogue
    for name in definitions.left_out:
        if name in definitions.models():
            log.warning("the definition of %s has errors, so its features are not looked up by entity: `mlops check`", name)
    for problem in definitions.unread:
        log.warning("what is declared there is not looked up by entity: %s", problem)
    if not any(view.online is not None for view in catalogue.views.values()):
        return {}
    return entity_features(catalogue, open_online(settings.online_url))


def run(settings: Settings, listening: socket.socket, *, workers: int = 1) -> None:
    """Answer on ``listening`` until SIGTERM or SIGINT; requests that are being answered are finished."""
    import uvicorn

    from mlops_assets.serving.turnwise import TurnwiseProtocol

    worker = Worker(settings, workers=workers)
    worker.start()
    config = uvicorn.Config(
        worker.server,
        loop="uvloop",
        http=TurnwiseProtocol,
        proxy_headers=False,
        lifespan="on",
        access_log=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=int(settings.serve_timeout) + 1,
        backlog=2048,
    )
    # What is loaded by now stays; a collector that walks it again and again would make some answers late.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH)
    uvicorn.Server(config).run(sockets=[listening])


def _end_with(parent: int) -> None:
    """End this process when the other end of the pipe ``parent`` is closed, because the supervisor has ended."""

    def watch() -> None:
        os.read(parent, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> None:
    """Entry point of a worker process; the supervisor starts it."""
    from mlops_assets.settings import load_settings

    parser = argparse.ArgumentParser()
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    _end_with(given.parent)
    try:
        settings = load_settings(given.project, given.environment)
        run(settings, socket.socket(fileno=given.socket), workers=given.workers)
    except MlopsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
