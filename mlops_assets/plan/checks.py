"""The checks of each kind of asset."""

from __future__ import annotations

from typing import Literal

from mlops_assets.plan.model import AssetKind, PlannedCheck
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.gates import gate_names
from mlops_assets.spec.model import Model


def dataset_checks(dataset: Dataset) -> tuple[PlannedCheck, ...]:
    """schema, volume, freshness (with max_age), primary_key (if there is one)."""
    share = f"{dataset.max_invalid:.2%}".replace(".00%", "%")
    invalid = f"rows that do not are set aside, at most {share}" if dataset.on_invalid == "quarantine" else "one row that does not blocks"
    checks = [
        _check(dataset.name, "schema", f"Every row keeps the rules of its columns; {invalid}."),
        _check(dataset.name, "volume", f"At least {dataset.min_rows} row{'' if dataset.min_rows == 1 else 's'}."),
    ]
    if dataset.max_age is not None:
        checks.append(_check(dataset.name, "freshness", f"The newest rows are at most {dataset.max_age} old.", blocking=False))
    if dataset.primary_key:
        checks.append(_check(dataset.name, "primary_key", f"{', '.join(dataset.primary_key)} names a row, once."))
    return tuple(checks)


def feature_checks(view: FeatureView) -> tuple[PlannedCheck, ...]:
    """schema, missing_values, entity_coverage."""
    return (
        _check(view.name, "schema", f"One row per {', '.join(view.entity)}, with the columns that were there before."),
        _check(view.name, "missing_values", "No feature is missing everywhere, or much more often than before.", blocking=False),
        _check(view.name, "entity_coverage", "About as many entities as before have features.", blocking=False),
    )


def training_set_checks(model: Model) -> tuple[PlannedCheck, ...]:
    """label_maturity, base_rate, leakage_probe."""
    asset = f"{model.name}/training_set"
    return (
        _check(asset, "label_maturity", "Every label was final at the as-of time, and no label of training reaches into the holdout."),
        _check(asset, "base_rate", "The target has more than one value, and training and holdout agree about it.", blocking=False),
        _check(asset, "leakage_probe", "No feature alone decides the target.", blocking=False),
    )


def evaluation_checks(model: Model) -> tuple[PlannedCheck, ...]:
    """Every gate of the model."""
    asset = f"{model.name}/evaluation"
    return tuple(
        _check(asset, name, gate.words, blocking=not gate.off, severity="WARN" if gate.off else "ERROR")
        for name, gate in gate_names(model.gates)
    )


def monitoring_checks(model: Model, kind: AssetKind) -> tuple[PlannedCheck, ...]:
    """What is asserted while a model serves. None of it blocks: it is looked at after the fact."""
    rule, measured = model.monitor.drift, model.monitor.performance
    metric = measured.metric or model.main_metric
    alarm = f"at most {rule.false_alarm_rate:.2%} false alarms, effects of at least {rule.min_effect}"
    estimated: tuple[tuple[str, Literal["ERROR", "WARN"], str], ...] = (
        ("estimated", "WARN", f"{metric} as estimated before labels arrive is not worse than at the gate."),
    )
    words: dict[AssetKind, tuple[tuple[str, Literal["ERROR", "WARN"], str], ...]] = {
        "scores": (("complete", "ERROR", "Everyone who is scored has a finite prediction."),),
        "predictions": (("volume", "WARN", "Something was predicted."),),
        "outcomes": (("coverage", "WARN", f"At least {measured.min_coverage:.0%} of the matured predictions have a label."),),
        "data_quality": (("inputs", "WARN", "Every feature is there, filled about as often as in training, with values seen there."),),
        "drift": (
            ("columns", "WARN", f"No feature left the reference: {alarm}."),
            ("score", "ERROR", f"The score did not leave the reference: {alarm}."),
        ),
        "performance": (
            ("measured", "ERROR", f"{metric} on matured labels is not worse than at the gate; less coverage is inconclusive."),
            *(estimated if estimates(model) else ()),
            ("label", "WARN", "The labels that matured are distributed as at the gate."),
            ("concept", "WARN", f"The model's errors did not rise by {model.monitor.concept.min_effect:.0%} along the stream of outcomes."),
        ),
    }
    asset = f"{model.name}/{kind}"
    return tuple(_check(asset, name, text, blocking=False, severity=severity) for name, severity, text in words.get(kind, ()))


def estimates(model: Model) -> bool:
    """Whether performance is estimated before labels arrive: declared, or needed by a trigger of retraining."""
    when = model.retrain.when if model.retrain else None
    triggers = (*when.any, *when.all) if when else ()
    return model.monitor.estimate_performance or any(trigger.estimated_performance is not None for trigger in triggers)


def _check(
    asset: str, name: str, description: str, *, blocking: bool = True, severity: Literal["ERROR", "WARN"] | None = None
) -> PlannedCheck:
    return PlannedCheck(name, asset, blocking, severity or ("ERROR" if blocking else "WARN"), description)
