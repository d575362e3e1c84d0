"""What one asset's attempt leaves in MLflow: parameters, metrics, data versions, files, search trials, the bundle."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.registry import tags as t
from mlops_assets.registry.connection import Connection, translated
from mlops_assets.registry.flatten import flatten, metric_values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlops_assets.registry.bundles import LoggedBundle

_PARAMS_A_CALL = 100
_METRICS_A_CALL = 1000
_LONGEST_PARAM = 6000
_LONGEST_DIGEST = 36


class StepRun:
    """One open run. Every method writes at once, so a killed process loses nothing that was logged before."""

    def __init__(self, connection: Connection, run_id: str) -> None:
        self._connection = connection
        self._client = connection.client
        self.run_id = run_id

    @property
    def url(self) -> str:
        """Page of the run in the MLflow UI."""
        return self._connection.run_url(self.run_id)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log parameters; nested ones become ``estimator.lightgbm.num_leaves``."""
        from mlflow.entities import Param

        entries = [Param(name, value[:_LONGEST_PARAM]) for name, value in flatten(params).items()]
        with translated(self._connection.tracking_uri):
            for start in range(0, len(entries), _PARAMS_A_CALL):
                self._client.log_batch(self.run_id, params=entries[start : start + _PARAMS_A_CALL])

    def log_metrics(self, metrics: Mapping[str, Any], *, step: int = 0, model_id: str | None = None) -> None:
        """Log metrics.

        Args:
            metrics: a number, or an interval (``value``, ``low``, ``high`` and perhaps ``n``, as keys or attributes),
                which becomes ``roc_auc``, ``roc_auc_low``, ``roc_auc_high`` and ``roc_auc_n``. None is left out.
            step: position on the metric's axis.
            model_id: logged model that the metrics are of; they show on its page too.
        """
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        entries = [Metric(name, value, now, step, model_id=model_id, run_id=self.run_id) for name, value in metric_values(metrics).items()]
        with translated(self._connection.tracking_uri):
            for start in range(0, len(entries), _METRICS_A_CALL):
                self._client.log_batch(self.run_id, metrics=entries[start : start + _METRICS_A_CALL])

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; None is left out."""
        from mlflow.entities import RunTag

        entries = [RunTag(name, value) for name, value in t.as_tags(tags).items()]
        with translated(self._connection.tracking_uri):
            self._client.log_batch(self.run_id, tags=entries)

    def log_dataset(self, name: str, digest: str, *, context: str, source: str = "", rows: int | None = None) -> None:
        """Log which version of a data set was read: shown as the run's input, and in full as a tag.

        Args:
            name: ``orders@2026-01-01``.
            digest: manifest digest; MLflow shows its first 36 characters.
            context: ``training``, ``holdout``, ``scoring``.
            source: where the rows lie.
            rows: how many were read.
        """
        import json

        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = None if rows is None else json.dumps({"num_rows": rows})
        dataset = Dataset(name, digest[:_LONGEST_DIGEST], "local", json.dumps({"uri": source}), profile=profile)
        with translated(self._connection.tracking_uri):
            self._client.log_inputs(self.run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])
        self.set_tags({f"data.{name}": digest})

    def log_dict(self, body: Any, file: str) -> None:
        """Log plain data as a JSON file, for example ``evaluation.json``."""
        with translated(self._connection.tracking_uri):
            self._client.log_dict(self.run_id, body, file)

    def log_text(self, text: str, file: str) -> None:
        """Log text as a file, for example ``model_card.md``."""
        with translated(self._connection.tracking_uri):
            self._client.log_text(self.run_id, text, file)

    def log_figure(self, figure: Figure | Path, file: str | None = None) -> None:
        """Log a picture file or a Matplotlib figure under ``figures/``."""
        with translated(self._connection.tracking_uri):
            if isinstance(figure, Path):
                self._client.log_artifact(self.run_id, str(figure), "figures")
            else:
                self._client.log_figure(self.run_id, figure, f"figures/{file or 'figure.png'}")

    def log_folder(self, folder: Path, name: str | None = None) -> None:
        """Log every file of a folder, under ``name`` if one is given."""
        with translated(self._connection.tracking_uri):
            self._client.log_artifacts(self.run_id, str(folder), name)

    def artifact_url(self, file: str) -> str:
        """Page of one of the run's files."""
        return f"{self.url}/artifacts/{file}"

    def log_trial(
        self,
        number: int,
        params: Mapping[str, Any],
        value: float | None,
        *,
        metric: str,
        state: str = "complete",
        seconds: float | None = None,
    ) -> str:
        """Log one trial of a search as a run below this one, and return its id.

        Args:
            number: from 0, in the order of the search.
            params: what was tried.
            value: what came out; None for a trial that was cut short or failed.
            metric: name of ``value``.
            state: ``complete``, ``pruned`` or ``failed``.
            seconds: how long it took.
        """
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        started = now - int((seconds or 0) * 1000)
        measured = {metric: value, "seconds": seconds}
        with translated(self._connection.tracking_uri):
            run = self._client.create_run(
                self._connection.experiment_id,
                start_time=started,
                run_name=f"trial {number}",
                tags=t.as_tags({t.MLFLOW_PARENT: self.run_id, t.KIND: "trial", "mlops.trial_state": state, **self._dagster_run}),
            )
            self._client.log_batch(
                run.info.run_id,
                params=[Param(name, text[:_LONGEST_PARAM]) for name, text in flatten(params).items()],
                metrics=[Metric(name, float(v), now, 0) for name, v in measured.items() if v is not None and math.isfinite(v)],
            )
            self._client.set_terminated(run.info.run_id, "FAILED" if state == "failed" else "FINISHED", now)
        return str(run.info.run_id)

    def log_bundle(self, folder: Path, *, name: str, tags: Mapping[str, Any] | None = None) -> LoggedBundle:
        """Log the bundle in ``folder`` as a pyfunc model of this run; see :func:`mlops_assets.registry.bundles.log_bundle`."""
        from mlops_assets.registry.bundles import log_bundle

        return log_bundle(self._connection, folder, name=name, run_id=self.run_id, tags=tags)

    @property
    def _dagster_run(self) -> dict[str, str]:
        tags = self._client.get_run(self.run_id).data.tags
        return {key: tags[key] for key in (t.DAGSTER_RUN, t.MODEL) if key in tags}
