"""How much a metric varies: its standard error on n independent rows, times the root of n, from its value alone.

With it the rows that a gate needs can be told before there is a model. Formulas for large n:

* ROC AUC: J. Hanley and B. McNeil, Radiology 143 (1982), from the value and the base rate;
* shares (accuracy, and precision, recall, F1 on the rows that they are of): binomial; average precision likewise, on the positives:
  K. Boyd, K. Eng and D. Page, ECML PKDD 2013;
* Brier score: no mean of numbers in [0, 1] varies more than that of a share (R. Bhatia and C. Davis, Amer. Math. Monthly 107, 2000);
* RMSE, MAE, median absolute error: of normal errors (M. Kendall and A. Stuart, The Advanced Theory of Statistics 1, chapter 10);
* R²: I. Olkin and J. Finn, Psychological Bulletin 118 (1995).
"""

from __future__ import annotations

import math

PAIRED = 0.97
"""Correlation of a metric's noise on the same rows for two trainings of one model on mostly the same rows."""


def spread(metric: str, value: float, rate: float) -> float | None:
    """Standard deviation per row of ``metric`` where it is ``value``; None where the value does not tell it.

    ``rate`` is the share of positives. Errors have the unit of the metric.
    """
    share = math.sqrt(max(value * (1 - value), 0.0))
    if metric in ("roc_auc", "roc_auc_ovr"):
        return _of_auc(value, rate)
    if metric in ("accuracy", "brier"):
        return share
    if metric in ("pr_auc", "recall", "precision", "f1"):
        return share / math.sqrt(rate)
    if metric in ("balanced_accuracy", "f1_macro"):
        return share * math.sqrt(1 / rate + 1 / (1 - rate)) / 2
    if metric == "r2":
        return 2 * math.sqrt(max(value, 0.0)) * (1 - value)
    relative = {"rmse": math.sqrt(0.5), "mae": math.sqrt(math.pi / 2 - 1), "wape": math.sqrt(math.pi / 2 - 1), "median_ae": 1.17}
    return {**relative, "log_loss": 1.0, "mape": 1.0}[metric] * abs(value) if metric != "bias" else None


def paired(deviation: float, correlation: float = PAIRED) -> float:
    """Standard deviation per row of the difference of two values of one metric on the same rows."""
    return deviation * math.sqrt(2 * (1 - correlation))


def _of_auc(value: float, rate: float) -> float:
    q1, q2 = value / (2 - value), 2 * value * value / (1 + value)
    return math.sqrt((q1 - value * value) / (1 - rate) + (q2 - value * value) / rate)
