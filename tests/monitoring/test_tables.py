"""Names that monitoring knows by itself are names of the language and of what there is."""

from __future__ import annotations

from mlops_assets.monitoring import statistics
from mlops_assets.monitoring.alerts.evidence import PARTITION_METRICS
from mlops_assets.monitoring.column_drift import STATISTICS
from mlops_assets.monitoring.drift import Drift
from mlops_assets.monitoring.estimation import ERROR_METRICS
from mlops_assets.spec.metrics import METRICS


def test_what_can_be_estimated_is_a_metric_of_regression() -> None:
    assert all("regression" in METRICS[name].places for name in ERROR_METRICS)


def test_drift_holds_every_serving_metric_that_is_said_to_be_of_it() -> None:
    assert set(PARTITION_METRICS) == {"score_psi", "score_drift", "drift_score"}
    assert set(PARTITION_METRICS) <= set(Drift.__dataclass_fields__)


def test_every_statistic_of_a_column_is_a_function() -> None:
    assert all(callable(getattr(statistics, name)) for name in STATISTICS)
