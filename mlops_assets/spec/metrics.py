"""Names of the metrics that each task has, and which way each one is better."""

from __future__ import annotations

TASK_METRICS: dict[str, tuple[str, ...]] = {
    "binary_classification": (
        "roc_auc",
        "pr_auc",
        "log_loss",
        "brier",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "balanced_accuracy",
    ),
    "multiclass_classification": ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_ovr"),
    "regression": ("rmse", "mae", "r2", "median_ae", "mape", "bias"),
    "forecasting": ("rmse", "mae", "r2", "median_ae", "mape", "bias"),
}
"""Valid metric names, by task."""

GREATER_IS_BETTER: dict[str, bool] = {
    "roc_auc": True,
    "pr_auc": True,
    "log_loss": False,
    "brier": False,
    "accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "balanced_accuracy": True,
    "f1_macro": True,
    "roc_auc_ovr": True,
    "rmse": False,
    "mae": False,
    "r2": True,
    "median_ae": False,
    "mape": False,
    "bias": False,
}
"""Which way is better; ``bias`` is best at zero and is compared by its absolute value."""

SERVING_METRICS = (
    "error_rate",
    "latency_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "score_psi",
    "score_drift",
    "drift_score",
    "requests",
)
"""Metrics of a serving model that alerts and rollouts may name beside those of its task."""


OTHER_NAMES: dict[str, str] = {
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "average_precision": "pr_auc",
    "auprc": "pr_auc",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "brier_score": "brier",
    "mse": "rmse",
    "mean_absolute_error": "mae",
    "root_mean_squared_error": "rmse",
    "r_squared": "r2",
    "f1_score": "f1",
    "macro_f1": "f1_macro",
}
"""What metrics are called elsewhere -> the nearest one here."""


def metric_names(task: str) -> tuple[str, ...]:
    """Metrics that a model of this task may name; empty for an unknown task."""
    return TASK_METRICS.get(task, ())
