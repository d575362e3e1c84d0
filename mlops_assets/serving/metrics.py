"""Metrics: plain counters on the request path, merged over all workers when Prometheus asks.

Every worker writes its numbers to a small file once a second; whichever worker is asked adds them up. Numbers of workers that have
ended stay in the sums until the server is started again, so that counters never fall.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of latency, in seconds."""

STALE = 10.0
"""A worker whose numbers are older than this many seconds has ended; its gauges no longer count."""

HELP = {
    "mlops_requests_total": "Requests answered, by route and status.",
    "mlops_request_errors_total": "Requests answered with an error, by route and kind.",
    "mlops_predictions_total": "Rows scored, by version and variant (a shadow is scored and never answered).",
    "mlops_prediction_errors_total": "Requests that a version failed to score.",
    "mlops_prediction_seconds": "Time from the request's arrival to its answer.",
    "mlops_shadow_dropped_total": "Rows that a shadow did not score because too much waited.",
    "mlops_journal_lines_total": "Lines written to the journal.",
    "mlops_journal_dropped_total": "Lines that the journal lost because the disk did not take them.",
    "mlops_journal_failures_total": "Failed writes of the journal.",
    "mlops_journal_waiting_bytes": "Bytes that wait for the disk.",
    "mlops_journal_lag_seconds": "Age of the oldest line that waits for the disk.",
    "mlops_journal_segments": "Closed and open segments that wait for compaction.",
    "mlops_journal_backlog_seconds": "Age of the oldest segment that waits for compaction.",
    "mlops_queue_rows": "Rows that wait for the scoring thread.",
    "mlops_ledger_lag_seconds": "Time since the ledger was last read.",
    "mlops_ledger_sequence": "The ledger's sequence number that is served.",
    "mlops_model_load_seconds": "How long the newest load of a version took.",
    "mlops_model_path": "1 for the path that scores a version: single_row, booster or thread.",
    "mlops_model_degraded": "1 where what should serve cannot be loaded.",
    "mlops_feature_age_seconds": "Age of the oldest features that were last looked up for a model.",
    "mlops_features_stale_total": "Rows whose looked-up features were older than their view allows.",
    "mlops_workers": "Workers that report.",
}

Labels = tuple[tuple[str, str], ...]


class Stats:
    """What one variant did; written by one thread."""

    __slots__ = ("buckets", "count", "dropped", "errors", "rows", "total")

    def __init__(self) -> None:
        self.rows = self.count = self.errors = self.dropped = 0
        self.total = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def observe(self, seconds: float, rows: int) -> None:
        """Count one request."""
        self.count += 1
        self.rows += rows
        self.total += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1


class Metrics:
    """One worker's numbers.

    Args:
        folder: where workers leave their numbers for each other; None: alone.
        worker: unique name of this worker.
    """

    def __init__(self, folder: Path | None, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._stats: dict[tuple[str, int, str], Stats] = {}
        self.requests: dict[tuple[str, int], int] = {}
        self.errors: dict[tuple[str, str], int] = {}
        self.gauges: Callable[[], Iterable[tuple[str, Labels, float]]] = lambda: ()
        self.counters: Callable[[], Iterable[tuple[str, Labels, float]]] = lambda: ()

    def stats(self, model: str, version: int, variant: str) -> Stats:
        """The counters of one variant; the same object for the same variant."""
        return self._stats.setdefault((model, version, variant), Stats())

    def answered(self, route: str, status: int, code: str | None = None) -> None:
        """Count an answer."""
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        if code is not None:
            self.errors[route, code] = self.errors.get((route, code), 0) + 1

    def save(self) -> None:
        """Leave the numbers for the other workers."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            new = self._folder / f".{self._worker}.tmp"
            new.write_text(json.dumps(self._document()), encoding="utf-8")
            new.replace(self._folder / f"{self._worker}.json")

    def render(self) -> bytes:
        """All workers' numbers in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector([self._document(), *self._others()]))
        return generate_latest(registry)

    def _document(self) -> dict[str, Any]:
        counters: list[Any] = []
        histograms = []
        for (model, version, variant), stats in list(self._stats.items()):
            labels = [("model", model), ("version", str(version)), ("variant", variant)]
            counters.append(("mlops_predictions_total", labels, stats.rows))
            counters.append(("mlops_prediction_errors_total", labels, stats.errors))
            counters.append(("mlops_shadow_dropped_total", labels, stats.dropped))
            histograms.append(("mlops_prediction_seconds", labels, list(stats.buckets), stats.total))
        for (route, status), count in list(self.requests.items()):
            counters.append(("mlops_requests_total", [("route", route), ("status", str(status))], count))
        for (route, code), count in list(self.errors.items()):
            counters.append(("mlops_request_errors_total", [("route", route), ("kind", code)], count))
        counters.extend(self.counters())
        return {"at": time.time(), "counters": counters, "histograms": histograms, "gauges": list(self.gauges())}

    def _others(self) -> Iterator[dict[str, Any]]:
        if self._folder is None:
            return
        for path in sorted(self._folder.glob("*.json")):
            if path.stem != self._worker:
                with contextlib.suppress(OSError, ValueError):
                    yield json.loads(path.read_text(encoding="utf-8"))


class _Collector:
    def __init__(self, documents: list[dict[str, Any]]) -> None:
        self._documents = documents

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        live = [d for d in self._documents if time.time() - d["at"] < STALE]
        for name, values in _summed(self._documents, "counters", sum).items():
            family = CounterMetricFamily(name.removesuffix("_total"), HELP[name], labels=_names(values))
            for labels, value in values.items():
                family.add_metric([text for _, text in labels], value)
            yield family
        for name, values in _summed(live, "gauges", max).items():
            gauge = GaugeMetricFamily(name, HELP[name], labels=_names(values))
            for labels, value in values.items():
                gauge.add_metric([text for _, text in labels], value)
            yield gauge
        yield GaugeMetricFamily("mlops_workers", HELP["mlops_workers"], value=len(live))
        merged: dict[str, dict[Labels, tuple[list[int], float]]] = {}
        for document in self._documents:
            for name, given, buckets, total in document["histograms"]:
                family_ = merged.setdefault(name, {})
                labels = tuple((key, text) for key, text in given)
                before = family_.get(labels, ([0] * len(buckets), 0.0))
                family_[labels] = ([a + b for a, b in zip(before[0], buckets, strict=True)], before[1] + total)
        for name, histograms in merged.items():
            histogram = HistogramMetricFamily(name, HELP[name], labels=_names(histograms))
            for labels, (buckets, total) in histograms.items():
                running, rows = 0, []
                for bound, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
                    running += count
                    rows.append((bound, running))
                histogram.add_metric([text for _, text in labels], rows, total)
            yield histogram


def _names(values: dict[Labels, Any]) -> list[str]:
    return [name for name, _ in next(iter(values))]


def _summed(documents: list[dict[str, Any]], part: str, how: Callable[[Iterable[float]], float]) -> dict[str, dict[Labels, float]]:
    found: dict[str, dict[Labels, list[float]]] = {}
    for document in documents:
        for name, given, value in document[part]:
            labels = tuple((key, text) for key, text in given)
            found.setdefault(name, {}).setdefault(labels, []).append(value)
    return {name: {labels: how(values) for labels, values in by.items()} for name, by in found.items()}


def new_folder(folder: Path) -> Path:
    """An empty folder for the numbers of a server that starts now."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            path.unlink()
    return folder


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{os.getpid()}-{time.time_ns()}"
