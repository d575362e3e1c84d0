"""Names of the tags that tie MLflow's records to Dagster's and to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PARENT_KEY = "dagster_run_id"
"""On parents only, and the name that dagster-mlflow searches by."""

DAGSTER_RUN = "dagster.run_id"
DAGSTER_JOB = "dagster.job"
ASSET = "dagster.asset"
PARTITION = "dagster.partition"
ATTEMPT = "dagster.attempt"

KIND = "mlops.kind"
MODEL = "mlops.model"
BUNDLE = "mlops.bundle"
VERDICT = "mlops.verdict"
VERDICT_STATUS = "mlops.verdict_status"
STATE = "mlops.state"
WAIVED = "mlops.waived"
FAILURE = "mlops.failure"
PRUNED = "mlops.pruned"

MLFLOW_PARENT = "mlflow.parentRunId"

_LONGEST = 5000


def as_tags(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as tag text: absent ones are left out, long ones are cut where MLflow would refuse them."""
    return {name: _text(value) for name, value in values.items() if value is not None}


def quoted(value: str) -> str:
    """``value`` as a literal of MLflow's filter language."""
    if "'" in value and '"' in value:
        raise ValueError(f"{value!r} cannot be searched for: it holds both kinds of quotation marks")
    return f'"{value}"' if "'" in value else f"'{value}'"


def _text(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
