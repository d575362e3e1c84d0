"""The checks of each kind of asset, a row each. A new one is its row here, and its answer where the asset is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal

from mlops_assets.plan.kinds import AssetKind
from mlops_assets.plan.subject import D
from mlops_assets.spec.catalogue import Declaration
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.gates import gate_names
from mlops_assets.spec.model import Model

Severity = Literal["ERROR", "WARN"]


@dataclass(frozen=True)
class PlannedCheck:
    """A check on an asset. A blocking one stops what comes after it in the same run."""

    name: str
    asset: str
    blocking: bool
    severity: Severity
    description: str


@dataclass(frozen=True)
class Check(Generic[D]):
    """What is asserted about every asset of a kind.

    Attributes:
        name: of the check, by which what makes the asset answers it.
        sentence: what is asserted, for people.
        blocking: whether a red one stops what comes after it in the same run.
        severity: of a red one; by default an error where it blocks, else a warning.
        wanted: whether a declaration asks for it; by default it does.
    """

    name: str
    sentence: Callable[[D], str]
    blocking: bool = False
    severity: Severity | None = None
    wanted: Callable[[D], bool] = lambda _: True

    @property
    def red(self) -> Severity:
        """The severity of a red one."""
        return self.severity or ("ERROR" if self.blocking else "WARN")


def estimates(model: Model) -> bool:
    """Whether performance is estimated before labels arrive: declared, or needed by a trigger of retraining."""
    when = model.retrain.when if model.retrain else None
    triggers = (*when.any, *when.all) if when else ()
    return model.monitor.estimate_performance or any(trigger.estimated_performance is not None for trigger in triggers)


def _rules_kept(dataset: Dataset) -> str:
    share = f"{dataset.max_invalid:.2%}".replace(".00%", "%")
    invalid = f"rows that do not are set aside, at most {share}" if dataset.on_invalid == "quarantine" else "one row that does not blocks"
    return f"Every row keeps the rules of its columns; {invalid}."


def _alarm(model: Model) -> str:
    rule = model.monitor.drift
    return f"at most {rule.false_alarm_rate:.2%} false alarms, effects of at least {rule.min_effect}"


def _metric(model: Model) -> str:
    return model.monitor.performance.metric or model.main_metric


CHECKS: Mapping[AssetKind, tuple[Check[Any], ...]] = {
    "dataset": (
        Check[Dataset]("schema", _rules_kept, blocking=True),
        Check[Dataset](
            "accounting", lambda _: "Every row that was read is stored, quarantined, or left out by a named cause.", blocking=True
        ),
        Check[Dataset]("volume", lambda it: f"At least {it.min_rows} row{'' if it.min_rows == 1 else 's'}.", blocking=True),
        Check[Dataset]("freshness", lambda it: f"The newest rows are at most {it.max_age} old.", wanted=lambda it: it.max_age is not None),
        Check[Dataset](
            "primary_key",
            lambda it: f"{', '.join(it.primary_key)} names a row, once.",
            blocking=True,
            wanted=lambda it: bool(it.primary_key),
        ),
    ),
    "features": (
        Check[FeatureView](
            "schema", lambda it: f"One row per {', '.join(it.entity)}, with the columns that were there before.", blocking=True
        ),
        Check[FeatureView]("missing_values", lambda _: "No feature is missing everywhere, or much more often than before."),
        Check[FeatureView]("entity_coverage", lambda _: "About as many entities as before have features."),
    ),
    "training_set": (
        Check[Model](
            "label_maturity",
            lambda _: "Every label was final at the as-of time, and no label of training reaches into the holdout.",
            blocking=True,
        ),
        Check[Model]("base_rate", lambda _: "The target has more than one value, and training and holdout agree about it."),
        Check[Model]("leakage_probe", lambda _: "No feature alone decides the target."),
    ),
    "scores": (Check[Model]("complete", lambda _: "Everyone who is scored has a finite prediction.", severity="ERROR"),),
    "predictions": (Check[Model]("volume", lambda _: "Something was predicted."),),
    "outcomes": (
        Check[Model]("coverage", lambda it: f"At least {it.monitor.performance.min_coverage:.0%} of the matured predictions have a label."),
    ),
    "data_quality": (
        Check[Model]("inputs", lambda _: "Every feature is there, filled about as often as in training, with values seen there."),
    ),
    "drift": (
        Check[Model]("columns", lambda it: f"No feature left the reference: {_alarm(it)}."),
        Check[Model]("score", lambda it: f"The score did not leave the reference: {_alarm(it)}.", severity="ERROR"),
    ),
    "performance": (
        Check[Model](
            "measured",
            lambda it: f"{_metric(it)} on matured labels is not worse than at the gate; less coverage is inconclusive.",
            severity="ERROR",
        ),
        Check[Model](
            "estimated", lambda it: f"{_metric(it)} as estimated before labels arrive is not worse than at the gate.", wanted=estimates
        ),
        Check[Model]("label", lambda _: "The labels that matured are distributed as at the gate."),
        Check[Model](
            "concept", lambda it: f"The model's errors did not rise by {it.monitor.concept.min_effect:.0%} along the stream of outcomes."
        ),
    ),
}
"""By kind of asset. Those of an evaluation are the gates of its model; those of monitoring never block, as they come after the fact."""


def planned_checks(asset: str, kind: AssetKind, declaration: Declaration) -> tuple[PlannedCheck, ...]:
    """The checks of ``asset``, which is of that kind."""
    if kind == "evaluation" and isinstance(declaration, Model):
        gates = gate_names(declaration.gates)
        return tuple(PlannedCheck(name, asset, not gate.off, "WARN" if gate.off else "ERROR", gate.words) for name, gate in gates)
    rows = (row for row in CHECKS.get(kind, ()) if row.wanted(declaration))
    return tuple(PlannedCheck(row.name, asset, row.blocking, row.red, row.sentence(declaration)) for row in rows)
