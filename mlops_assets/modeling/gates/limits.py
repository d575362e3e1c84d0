"""From an interval and a limit to pass, fail or inconclusive."""

from __future__ import annotations

from collections.abc import Iterable

from mlops_assets.modeling.bootstrap import Interval
from mlops_assets.modeling.gate_result import Status
from mlops_assets.spec.gates import Gate


def decide(found: Interval, *, at_least: float | None = None, at_most: float | None = None, min_n: int = 0) -> tuple[Status, str]:
    """Pass when the whole interval meets the limits, fail when all of it misses one, else inconclusive; with the reason.

    Fewer effective rows than ``min_n``, or rows that allow no interval, are inconclusive whatever the value.
    """
    if found.bounds is None:
        return "inconclusive", f"{found.n} rows allow no confidence interval"
    if found.n_effective < min_n:
        return "inconclusive", f"{found.n_effective:.0f} effective rows are fewer than {min_n}"
    low, high = found.bounds
    if (at_least is not None and high < at_least) or (at_most is not None and low > at_most):
        return "fail", "all of the interval misses the limit"
    if (at_least is not None and low < at_least) or (at_most is not None and high > at_most):
        return "inconclusive", "the limit lies inside the interval, so more rows are needed"
    return "pass", "all of the interval meets the limit"


def show(found: Interval) -> str:
    """The interval in words."""
    return "none" if found.bounds is None else f"{found.bounds[0]:.4g} to {found.bounds[1]:.4g}"


def sentence(parts: Iterable[str]) -> str:
    """Parts as one sentence; only its first letter is changed."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def requirement(gate: Gate, subject: str) -> str:
    """`roc_auc at least 0.8` and so on."""
    limits = []
    if gate.at_least is not None:
        limits.append(f"at least {gate.at_least:g}")
    if gate.at_most is not None:
        limits.append(f"at most {gate.at_most:g}")
    return f"{subject} {' and '.join(limits)}"
