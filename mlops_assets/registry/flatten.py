"""Nested parameters and intervals as the flat names that MLflow keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_FORBIDDEN = re.compile(r"[^\w\-. :/]")
_LONGEST_NAME = 250
_PARTS = ("low", "high", "n")


def safe_name(name: str) -> str:
    """``name`` with the characters that MLflow refuses in names replaced by ``_``."""
    return _FORBIDDEN.sub("_", name)[:_LONGEST_NAME]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as ``outer.inner`` with their values as text; None is left out, lists become JSON."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{name}."))
        elif value is not None:
            flat[safe_name(name)] = _text(value)
    return flat


def metric_values(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Metrics as numbers by name; an interval gives ``name``, ``name_low``, ``name_high`` and ``name_n``."""
    flat: dict[str, float] = {}
    for key, metric in metrics.items():
        name = safe_name(key)
        if metric is None:
            continue
        if isinstance(metric, int | float):
            flat[name] = float(metric)
            continue
        value = _part(metric, "value")
        if value is not None:
            flat[name] = float(value)
        flat.update({f"{name}_{part}": float(found) for part in _PARTS if (found := _part(metric, part)) is not None})
    return flat


def _part(metric: Any, part: str) -> Any:
    if isinstance(metric, Mapping):
        if part in ("low", "high") and metric.get("interval") is not None:
            return metric["interval"][part == "high"]
        return metric.get(part)
    return getattr(metric, part, None)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
