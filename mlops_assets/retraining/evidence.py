"""From what monitoring stored about a window to what a policy looks at. Documents are those of the results' ``to_json``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlops_assets.retraining.history import Champion, Measured, Window


def window_of(
    key: str,
    end: datetime,
    version: int,
    *,
    performance: Mapping[str, Any] | None = None,
    estimate: Mapping[str, Any] | None = None,
    drift: Mapping[str, Any] | None = None,
    trusted: bool | None = None,
) -> Window:
    """The window of a monitoring partition.

    Args:
        key, end: of the partition and its as-of time, UTC.
        version: the champion that made its predictions.
        performance, estimate, drift: documents of these results; None where there is none.
        trusted: of :func:`mlops_assets.monitoring.estimation.reconcile`; estimates that were wrong before are not acted on.
    """
    return Window(
        key,
        end,
        version,
        performance=None if performance is None else _performance(performance),
        estimated=None if estimate is None else _estimate(estimate, trusted),
        score_psi=None if drift is None else _score(drift),
    )


def champion_of(
    version: int, since: datetime, trained_until: datetime | None, metric: str, greater_is_better: bool, metrics: Mapping[str, Any]
) -> Champion:
    """The champion with its value at the gate, from the metrics of its evaluation."""
    found = metrics.get(metric) or {}
    low, high = found.get("interval") or (None, None)
    gate = Measured(found.get("value"), low, high, found.get("n", 0))
    return Champion(version, since, trained_until, metric, greater_is_better, gate)


def _performance(body: Mapping[str, Any]) -> Measured:
    """Without coverage or interval it must not be acted on; whether a fall may be chance is the policy's to say."""
    conclusive = bool(body["covered"]) and body["value"] is not None and body["low"] is not None
    other = {"metric": body.get("metric"), "gate": body.get("gate"), "worse": body.get("drop"), "worse_low": body.get("drop_low")}
    return Measured(body["value"], body["low"], body["high"], body["n"], conclusive, None, body["detail"], **other)


def _estimate(body: Mapping[str, Any], trusted: bool | None) -> Measured:
    low, high = body["interval"] or (None, None)
    conclusive, detail = body["status"] == "estimated", body["detail"]
    if trusted is False:
        conclusive, detail = False, "past estimates were far from the truth"
    return Measured(body["value"], low, high, body["n"], conclusive, None, detail)


def _score(body: Mapping[str, Any]) -> Measured:
    compared = [column for column in body["score"] if column["condition"] == "compared"]
    n = min((column["n"] for column in compared), default=0)
    alpha = body["rule"]["false_alarm_rate"]
    significant = any(c["aspect"] == "distribution" and c["q"] < alpha for column in compared for c in column["comparisons"])
    detail = "" if compared else "; ".join(column["detail"] for column in body["score"]) or "there is no score"
    return Measured(body["score_psi"], None, None, n, bool(compared), significant, detail)
