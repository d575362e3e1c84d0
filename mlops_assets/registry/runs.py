"""Runs: one parent per Dagster run, below it one for each asset, partition and attempt, and none left open."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.errors import MlopsError
from mlops_assets.registry import tags as t
from mlops_assets.registry.connection import Connection, translated
from mlops_assets.registry.locks import exclusive
from mlops_assets.registry.step_run import StepRun

if TYPE_CHECKING:
    from mlflow.entities import Run

Status = Literal["FINISHED", "FAILED", "KILLED"]

_log = logging.getLogger(__name__)


class Runs(Connection):
    """Runs of one experiment."""

    def __init__(self, **connection: Any) -> None:
        super().__init__(**connection)
        self._parents: dict[str, str] = {}

    def parent_run(self, dagster_run_id: str, job: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
        """Id of the run that stands for a whole Dagster run; made once, whichever process asks first.

        A run that dagster-mlflow has begun for the same Dagster run is the same one.
        """
        if (known := self._parents.get(dagster_run_id)) is not None:
            return known
        wanted = t.as_tags(
            {t.PARENT_KEY: dagster_run_id, t.DAGSTER_RUN: dagster_run_id, t.DAGSTER_JOB: job, t.KIND: "dagster_run", **(tags or {})}
        )
        with translated(self.tracking_uri), exclusive(self.tracking_uri):
            found = self._search(f"tags.`{t.PARENT_KEY}` = {t.quoted(dagster_run_id)}")
            run = found[0] if found else self.client.create_run(self.experiment_id, run_name=job or "dagster run", tags=wanted)
        self._parents[dagster_run_id] = run.info.run_id
        return str(run.info.run_id)

    @contextmanager
    def step_run(
        self,
        dagster_run_id: str | None,
        asset_key: str,
        partition: str | None = None,
        attempt: int = 0,
        *,
        job: str | None = None,
        model: str | None = None,
        tags: Mapping[str, Any] | None = None,
    ) -> Iterator[StepRun]:
        """A run for one attempt at one asset, below the parent of its Dagster run.

        It ends FINISHED, FAILED when the body raises, or KILLED when the body is interrupted; the body's exception goes on.
        Earlier attempts that a dead process left open are ended FAILED.

        Args:
            dagster_run_id: None outside Dagster: then there is no parent.
            asset_key: ``churn/model``.
            partition: key of the partition, or first and last of a range.
            attempt: 0 for the first.
        """
        run = self._begin(dagster_run_id, asset_key, partition, attempt, job, {t.MODEL: model, **(tags or {})})
        try:
            yield StepRun(self, run.info.run_id)
        except BaseException as error:
            self._end(run.info.run_id, "FAILED" if isinstance(error, Exception) else "KILLED", failure=error)
            raise
        with translated(self.tracking_uri):
            self.client.set_terminated(run.info.run_id, "FINISHED")

    def run_of(self, run_id: str) -> StepRun:
        """A run that is there already, to log more into it."""
        return StepRun(self, run_id)

    def finish(self, dagster_run_id: str, status: Status) -> list[str]:
        """End the parent of a Dagster run with ``status``, and whatever below it is still open as KILLED or FAILED.

        A parent that has ended already gets the status that is given here. Returns the ids of the runs that were changed.
        """
        return self._close(dagster_run_id, status, below="FAILED" if status == "FAILED" else "KILLED", also_ended=True)

    def end_parent(self, dagster_run_id: str, status: Status) -> None:
        """Give the parent of a Dagster run its final status and leave the runs below it alone."""
        with translated(self.tracking_uri):
            for run in self._search(f"tags.`{t.PARENT_KEY}` = {t.quoted(dagster_run_id)}"):
                if run.info.status != status:
                    self.client.set_terminated(run.info.run_id, status)

    def close_stale(self, dagster_run_id: str, status: Status = "KILLED") -> list[str]:
        """End every run of a Dagster run that is still open, for a Dagster run whose processes are gone. Returns their ids."""
        return self._close(dagster_run_id, status, below=status, also_ended=False)

    def open_dagster_runs(self) -> list[str]:
        """Ids of the Dagster runs that still have an open run here; a sweep asks Dagster which of them are over."""
        found = self._search("attributes.status = 'RUNNING'")
        ids = {run.data.tags.get(t.DAGSTER_RUN) or run.data.tags.get(t.PARENT_KEY) for run in found}
        return sorted(run_id for run_id in ids if run_id)

    def _begin(
        self, dagster_run_id: str | None, asset_key: str, partition: str | None, attempt: int, job: str | None, tags: Mapping[str, Any]
    ) -> Run:
        parent = self.parent_run(dagster_run_id, job) if dagster_run_id else None
        with translated(self.tracking_uri):
            if dagster_run_id and attempt > 0:
                self._end_earlier_attempts(dagster_run_id, asset_key, partition)
            name = asset_key + (f"@{partition}" if partition else "") + (f" (attempt {attempt + 1})" if attempt else "")
            own = {
                t.DAGSTER_RUN: dagster_run_id,
                t.ASSET: asset_key,
                t.PARTITION: partition,
                t.ATTEMPT: attempt,
                t.KIND: "step",
                t.MLFLOW_PARENT: parent,
            }
            return self.client.create_run(self.experiment_id, run_name=name, tags=t.as_tags({**tags, **own}))

    def _end_earlier_attempts(self, dagster_run_id: str, asset_key: str, partition: str | None) -> None:
        for run in self._of(dagster_run_id):
            is_same = run.data.tags.get(t.ASSET) == asset_key and run.data.tags.get(t.PARTITION) == partition
            if is_same and run.info.status == "RUNNING":
                self.client.set_terminated(run.info.run_id, "FAILED")

    def _end(self, run_id: str, status: Status, *, failure: BaseException) -> None:
        # The body's own error must reach the caller even when MLflow has gone away.
        try:
            self.client.set_tag(run_id, t.FAILURE, _describe(failure))
            self.client.set_terminated(run_id, status)
        except Exception as error:
            _log.warning("MLflow run %s could not be ended as %s: %s", run_id, status, error)

    def _close(self, dagster_run_id: str, status: Status, *, below: Status, also_ended: bool) -> list[str]:
        changed = []
        with translated(self.tracking_uri):
            for run in self._of(dagster_run_id):
                is_parent = t.PARENT_KEY in run.data.tags
                is_open = run.info.status == "RUNNING"
                wanted = status if is_parent else below
                if is_open or (also_ended and is_parent and run.info.status != wanted):
                    end = None if is_open else run.info.end_time
                    self.client.set_terminated(run.info.run_id, wanted, end or int(time.time() * 1000))
                    changed.append(str(run.info.run_id))
        return changed

    def _of(self, dagster_run_id: str) -> list[Run]:
        wanted = t.quoted(dagster_run_id)
        found = self._search(f"tags.`{t.DAGSTER_RUN}` = {wanted}")
        known = {run.info.run_id for run in found}
        return found + [run for run in self._search(f"tags.`{t.PARENT_KEY}` = {wanted}") if run.info.run_id not in known]

    def _search(self, filter_string: str) -> list[Run]:
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [self.experiment_id], filter_string, max_results=1000, order_by=["attributes.start_time ASC"], page_token=token
            )
            found.extend(page)
            token = page.token
            if not token:
                return found


def _describe(error: BaseException) -> str:
    # The text of a foreign error may quote a row; our own never does.
    name = type(error).__name__
    return f"{name}: {str(error)[:1000]}" if isinstance(error, MlopsError) else name
