"""What one asset's attempt leaves in MLflow: parameters, metrics, data versions, files, search trials, the bundle."""

from __future__ import annotations

import hashlib
import json
import math
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.registry import tags as t
from mlops_assets.registry.bundles import LoggedBundle, find_bundles, log_bundle
from mlops_assets.registry.connection import Connection, translated
from mlops_assets.registry.errors import RegistryError
from mlops_assets.registry.flatten import flatten, metric_values, safe_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.tuning import Trial

_PARAMS_A_CALL = 100
_METRICS_A_CALL = 1000
_LONGEST_PARAM = 6000
_LONGEST_DIGEST = 36
_CONTEXT = "mlflow.data.context"


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

    def log_data_versions(self, training_set: str, inputs: Mapping[str, str]) -> None:
        """Log which data was read: every version in ``data_versions.json``, and each data set as an input of the run.

        Args:
            training_set: digest of the training set's manifest.
            inputs: digest by ``orders@2026-01-01`` or ``orders``. A data set of several partitions is shown with one
                digest over all of them.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        versions = {"training_set": training_set, **_by_asset(inputs)}
        shown = [
            DatasetInput(Dataset(name, digest[:_LONGEST_DIGEST], "local", json.dumps({"digest": digest})), [InputTag(_CONTEXT, "training")])
            for name, digest in versions.items()
        ]
        with translated(self._connection.tracking_uri):
            self._client.log_inputs(self.run_id, shown)
        self.set_tags({f"data.{name}": digest for name, digest in versions.items()})
        self.log_dict({"training_set": training_set, "inputs": dict(sorted(inputs.items()))}, "data_versions.json")

    def log_evaluation(
        self, evaluation: Mapping[str, Any], verdict: Mapping[str, Any], figures: Mapping[str, bytes] | Iterable[Path] = ()
    ) -> None:
        """Log an evaluation and its verdict: metrics with intervals, both records as JSON, figures as PNG.

        The metrics also show on the page of the logged model that was judged, if this MLflow holds it.

        Args:
            evaluation: as :meth:`mlops_assets.modeling.evaluation.Evaluation.to_json` gives it.
            verdict: as :meth:`mlops_assets.modeling.verdict.Verdict.to_json` gives it.
            figures: PNG bytes by title, or PNG files.
        """
        bundle = evaluation.get("digests", {}).get("bundle")
        logged = next(iter(find_bundles(self._connection, bundle)), None) if bundle else None
        self.log_metrics(evaluation["metrics"], model_id=logged.model_id if logged else None)
        self.set_tags({t.VERDICT: verdict.get("id"), t.VERDICT_STATUS: verdict.get("status"), t.BUNDLE: bundle})
        with tempfile.TemporaryDirectory(prefix="mlops-evaluation-") as scratch:
            folder = Path(scratch)
            for name, body in (("evaluation", evaluation), ("verdict", verdict)):
                (folder / f"{name}.json").write_text(json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False), encoding="utf-8")
            pictures = figures if isinstance(figures, Mapping) else {path.stem: path.read_bytes() for path in figures}
            for title, png in pictures.items():
                file = folder / "figures" / f"{file_name(title)}.png"
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(png)
            self.log_folder(folder)

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

    def log_trials(self, trials: Iterable[Trial], metric: str = "value") -> None:
        """Log the trials of a search, each as a run below this one.

        Args:
            trials: in the order of the search.
            metric: name of what the search optimised.
        """
        trials = list(trials)
        if not trials:
            return
        with translated(self._connection.tracking_uri):
            tags = self._client.get_run(self.run_id).data.tags
            own = {t.MLFLOW_PARENT: self.run_id, t.KIND: "trial", **{key: tags.get(key) for key in (t.DAGSTER_RUN, t.ASSET, t.MODEL)}}
            for trial in trials:
                self._log_trial(trial, metric, own)

    def log_bundle(self, folder: Path, bundle: Bundle | None = None, *, tags: Mapping[str, Any] | None = None) -> LoggedBundle:
        """Log the bundle in ``folder`` as a pyfunc model of this run; see :func:`mlops_assets.registry.bundles.log_bundle`.

        Raises:
            RegistryError: when ``bundle`` is given and the folder holds another one.
        """
        logged = log_bundle(self._connection, folder, run_id=self.run_id, tags=tags)
        if bundle is not None and bundle.digest != logged.digest:
            raise RegistryError(f"the folder holds bundle {logged.digest[:12]}, not {bundle.digest[:12]}.", where=str(folder))
        self.set_tags({t.BUNDLE: logged.digest})
        return logged

    def _log_trial(self, trial: Trial, metric: str, tags: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        run = self._client.create_run(
            self._connection.experiment_id,
            start_time=now - int(trial.seconds * 1000),
            run_name=f"trial {trial.number}",
            tags=t.as_tags({**tags, "mlops.trial_state": trial.state, t.FAILURE: trial.message}),
        )
        measured = {metric: trial.value, "seconds": trial.seconds, **{f"{metric}_fold_{i}": v for i, v in enumerate(trial.folds)}}
        self._client.log_batch(
            run.info.run_id,
            params=[Param(name, text[:_LONGEST_PARAM]) for name, text in flatten(trial.params).items()],
            metrics=[Metric(safe_name(name), float(v), now, 0) for name, v in measured.items() if v is not None and math.isfinite(v)],
        )
        self._client.set_terminated(run.info.run_id, "FAILED" if trial.state == "failed" else "FINISHED", now)


def file_name(title: str) -> str:
    """A title as the name of a file: ``ROC curve`` -> ``roc_curve``."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_") or "figure"


def _by_asset(inputs: Mapping[str, str]) -> dict[str, str]:
    """One digest per data set: its own, or where it was read in partitions the SHA-256 over them in order."""
    grouped: dict[str, dict[str, str]] = {}
    for name, digest in sorted(inputs.items()):
        grouped.setdefault(name.partition("@")[0], {})[name] = digest
    return {
        asset: next(iter(parts.values())) if len(parts) == 1 else hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        for asset, parts in grouped.items()
    }
