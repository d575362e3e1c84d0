"""The follower: reads the ledger several times a second, loads what should serve beside what does, and swaps whole pictures."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.serving.metrics import Stats
from mlops_assets.serving.routing import GONE, Deployed, Variant, picture
from mlops_assets.serving.versions import Served, load_version, refuse_without_evidence

if TYPE_CHECKING:
    from mlops_assets.data.store import Store
    from mlops_assets.ledger.log import Ledger
    from mlops_assets.ledger.state import DeploymentState, State

log = logging.getLogger(__name__)

RETRY_SECONDS = 10.0
"""How long after a failed load it is tried again."""

LEDGER_LAG = 30.0
"""Seconds without reading the ledger after which the server says that it is not ready."""


class Follower:
    """Keeps ``models`` what the ledger says. Readers take the mapping once per request and see one consistent picture.

    Args:
        ledger, store: read from, never written.
        environment: whose deployments are served.
        folder: for the files of loaded versions; emptied as they are dropped.
        interval: seconds between two looks at the ledger.
        variant: makes a variant of a loaded version, before it answers anything.
        changed: called after every swap, in the follower's thread.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        environment: str,
        folder: Path,
        *,
        interval: float = 0.2,
        variant: Callable[[Served, str], Variant] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self.environment = environment
        self.models: Mapping[str, Deployed] = {}
        self.state: State | None = None
        self.problems: Mapping[str, str] = {}
        self.errors = 0
        self.looked_at = 0.0
        self._ledger = ledger
        self._store = store
        self._folder = folder
        self._interval = interval
        self._changed = changed
        self._variant = variant or (lambda served, name: Variant(served, name, Stats()))
        self._loaded: dict[tuple[str, str], Served] = {}
        self._failed: dict[tuple[str, str], tuple[float, int, str]] = {}
        self._loading: dict[tuple[str, str], Future[Served]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lag(self) -> float:
        """Seconds since the ledger was last read."""
        return time.monotonic() - self.looked_at if self.looked_at else float("inf")

    @property
    def ready(self) -> bool:
        """Whether every deployed model can answer and the ledger is followed."""
        waiting = [model for model in self.problems if model not in self.models]
        return not waiting and self.lag < LEDGER_LAG

    def deployed(self, model: str) -> Deployed:
        """What of a model serves now.

        Raises:
            RequestError: 404 for a model that is not deployed, 503 for one that cannot answer now.
        """
        found = self.models.get(model)
        if found is None:
            if model in self.problems:
                message = f"{model} cannot answer now: what should serve cannot be loaded."
                raise RequestError(503, "not_ready", message, headers=[(b"retry-after", b"1")])
            raise RequestError(404, "unknown_model", "No model of this name is deployed here.")
        return found

    def start(self) -> None:
        """Load what is live now, then go on in a thread."""
        self._look(wait=True)
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and give files back."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self._look()

    def _look(self, *, wait: bool = False) -> None:
        try:
            state = self._ledger.fold()
        except MlopsError as error:
            self.errors += 1
            if self.errors == 1 or self.errors % 100 == 0:
                log.warning("the ledger cannot be read; the last known state serves on: %s", error)
            return
        self.errors = 0
        self.looked_at = time.monotonic()
        if self.state is not None and state.sequence == self.state.sequence and not self._loading and not self._failed:
            return
        wanted = {model: _wanted(state.of(model, self.environment)) for model in state.models(self.environment)}
        self._load(state, wanted, wait)
        pictures: dict[str, Deployed] = {}
        problems: dict[str, str] = {}
        for model in wanted:
            deployment = state.of(model, self.environment)
            made = picture(deployment, partial(self._served, deployment, problems), self._variant, self.models.get(model))
            if made is not None:
                pictures[model] = made
        self.models, self.problems, self.state = pictures, problems, state
        self._drop(wanted, pictures)
        if self._changed is not None:
            self._changed()

    def _load(self, state: State, wanted: Mapping[str, list[int]], wait: bool) -> None:
        for model, numbers in wanted.items():
            deployment = state.of(model, self.environment)
            for number in numbers:
                version = deployment.versions[number]
                key = (model, str(version.digests["bundle"]))
                failed = self._failed.get(key)
                if failed is not None and (time.monotonic() - failed[0] > RETRY_SECONDS or deployment.sequence != failed[1]):
                    del self._failed[key]
                    failed = None
                if key not in self._loaded and key not in self._loading and failed is None:
                    self._loading[key] = self._pool.submit(load_version, deployment, version, self._store, self._folder)
        for key, future in list(self._loading.items()):
            if not (wait or future.done()):
                continue
            del self._loading[key]
            deployment = state.of(key[0], self.environment)
            try:
                self._loaded[key] = future.result()
            except Exception as error:
                self._failed[key] = (time.monotonic(), deployment.sequence, str(error))
                log.warning("a version of %s cannot be loaded: %s", key[0], error)

    def _served(self, deployment: DeploymentState, problems: dict[str, str], number: int) -> Served | None:
        version = deployment.versions[number]
        key = (deployment.model, str(version.digests["bundle"]))
        try:
            refuse_without_evidence(deployment, version)
        except MlopsError as error:
            problems[deployment.model] = str(error)
            return None
        served = self._loaded.get(key)
        if served is None and key in self._failed:
            problems[deployment.model] = self._failed[key][2]
        elif served is None:
            problems[deployment.model] = f"version {number} is being loaded"
        return served

    def _drop(self, wanted: Mapping[str, list[int]], pictures: Mapping[str, Deployed]) -> None:
        """Forget versions that nobody needs; requests that hold one finish with it."""
        serving = {(model, v.served.bundle) for model, deployed in pictures.items() for v in deployed.variants()}
        assert self.state is not None
        keep = set(serving)
        for model, numbers in wanted.items():
            versions = self.state.of(model, self.environment).versions
            keep.update((model, str(versions[number].digests["bundle"])) for number in numbers)
        for key in [key for key in self._loaded if key not in keep]:
            served = self._loaded.pop(key)
            if served.scorer.bundle.kind != "python":
                shutil.rmtree(served.scorer.bundle.folder.parent, ignore_errors=True)


def _wanted(deployment: DeploymentState) -> list[int]:
    """Versions to have in memory, the most urgent first: those that are live, and those that could be within a moment, by a rollback or by
    the promotion of the newest candidate."""
    live = [number for number in (deployment.champion, deployment.challenger) if number is not None]
    before = [number for number in deployment.predecessors[-1:] if deployment.versions[number].state not in GONE]
    ready = [number for number, version in deployment.versions.items() if version.state in ("candidate", "approved")]
    return list(dict.fromkeys([*live, *before, *([max(ready)] if ready and live else [])]))
