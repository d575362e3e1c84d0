"""From a catalogue to a plan. Nothing is read, written or imported but the definitions."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mlops_assets.plan.checks import dataset_checks, evaluation_checks, feature_checks, training_set_checks
from mlops_assets.plan.edges import model_edges, view_edges
from mlops_assets.plan.model import AssetKind, Plan, PlannedAsset, PlannedCheck, PlannedEdge, PlannedJob, PlannedSchedule, PlannedSensor
from mlops_assets.plan.monitoring import monitoring_assets, monitoring_sensors
from mlops_assets.spec.catalogue import Catalogue, Declaration
from mlops_assets.spec.cron import AFTER_PERIOD, expand
from mlops_assets.spec.dataset import Dataset, Partitions
from mlops_assets.spec.digest import declaration_digest
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.windows import model_partitions, view_partitions, view_window

TRAINING_POOL = "training"
AUTOMATION_SENSOR = "features_follow_data"

_TRAINING_SET_FIELDS = (
    "task",
    "positive",
    "partitions",
    "examples",
    "entity",
    "population",
    "features",
    "label",
    "training.every",
    "training.window",
    "training.minimum",
    "training.holdout",
    "training.group_by",
    "training.weights",
    "gates",
)
_MODEL_FIELDS = ("task", "positive", "training")
_EVALUATION_FIELDS = ("task", "positive", "training", "gates")


def compile_plan(catalogue: Catalogue) -> Plan:
    """The assets, checks, edges, schedules, sensors and jobs of everything in ``catalogue``.

    The catalogue must be sound: see :func:`mlops_assets.spec.check.check_catalogue`.

    Raises:
        WindowError: for a duration that a calendar cannot say.
        MlopsError: for a Python function whose file is not there.
    """
    datasets = [_dataset(d, catalogue) for _, d in sorted(catalogue.datasets.items())]
    views = [_view(v, catalogue) for _, v in sorted(catalogue.views.items())]
    models = {name: _model(m, catalogue) for name, m in sorted(catalogue.models.items())}
    schedules = [s for d in datasets if (s := _dataset_schedule(catalogue.datasets[d.key], d))]
    schedules += [s for name, assets in models.items() if (s := _model_schedule(catalogue.models[name], assets))]
    sensors = []
    if views:
        following = tuple(view.key for view in views)
        about = "Features follow their data sets, once the blocking checks of these have passed."
        sensors.append(PlannedSensor(AUTOMATION_SENSOR, about, following))
    sensors += monitoring_sensors(catalogue, tuple(asset for assets in models.values() for asset in assets))
    jobs = [
        PlannedJob(f"train_{name}", tuple(a.key for a in assets if a.kind in ("training_set", "model", "evaluation", "candidate")))
        for name, assets in models.items()
    ]
    jobs = [replace(job, description="From points in time to a candidate with a verdict.") for job in jobs]
    plan = Plan(
        assets=(*datasets, *views, *(asset for assets in models.values() for asset in assets)),
        schedules=tuple(schedules),
        sensors=tuple(sensors),
        jobs=tuple(jobs),
    )
    return replace(plan, sensors=tuple(replace(sensor, targets=_targets(plan, sensor)) for sensor in sensors))


def _targets(plan: Plan, sensor: PlannedSensor) -> tuple[str, ...]:
    """What the sensor's runs may make: a retraining makes the data and features that it reads as well."""
    if sensor.kind != "retraining" or sensor.model is None:
        return sensor.assets
    return (*(asset.key for asset in plan.upstream_of(sensor.model).assets if asset.kind in ("dataset", "features")), *sensor.assets)


def _dataset(dataset: Dataset, catalogue: Catalogue) -> PlannedAsset:
    automation: Literal["cron"] | None = "cron" if _dataset_cron(dataset) else None
    kinds = (dataset.source.kind, "parquet") if dataset.source.kind != "parquet" else ("parquet",)
    asset = _asset(dataset, catalogue, dataset.name, "dataset", "data", dataset.description, kinds, dataset.partitions)
    return replace(asset, checks=dataset_checks(dataset), automation=automation)


def _view(view: FeatureView, catalogue: Catalogue) -> PlannedAsset:
    kinds = ("duckdb", "parquet") if view.sql else ("python", "parquet")
    asset = _asset(view, catalogue, view.name, "features", "features", view.description, kinds, view_partitions(view, catalogue))
    recompute = max(1, view_window(view, catalogue).recompute)
    return replace(asset, deps=view_edges(view, catalogue), checks=feature_checks(view), automation="eager", recompute=recompute)


def _model(model: Model, catalogue: Catalogue) -> tuple[PlannedAsset, ...]:
    partitions = model_partitions(model, catalogue)
    training_set, trained, evaluation, candidate = (f"{model.name}/{step}" for step in ("training_set", "model", "evaluation", "candidate"))
    challenger, champion = f"{model.name}/challenger", f"{model.name}/champion"
    question = f" {model.description}" if model.description else ""

    def asset(
        key: str,
        kind: AssetKind,
        about: str,
        kinds: tuple[str, ...],
        deps: tuple[PlannedEdge, ...],
        checks: tuple[PlannedCheck, ...] = (),
        fields: tuple[str, ...] = (),
        dated: Partitions | None = partitions,
    ) -> PlannedAsset:
        planned = _asset(model, catalogue, key, kind, model.name, about, kinds, dated, fields)
        return replace(planned, deps=deps, checks=checks, pool=TRAINING_POOL if kind == "model" else None)

    registered = PlannedEdge(candidate, "all" if partitions else "unpartitioned", None if partitions else 0)
    return (
        asset(
            training_set,
            "training_set",
            "Entities at points in time, with features, target and split.",
            ("parquet",),
            model_edges(model, catalogue),
            training_set_checks(model),
            _TRAINING_SET_FIELDS,
        ),
        asset(
            trained,
            "model",
            f"The trained bundle.{question}",
            (model.training.estimator.row.shown_as, "mlflow"),
            (PlannedEdge(training_set, _same(partitions)),),
            fields=_MODEL_FIELDS,
        ),
        asset(
            evaluation,
            "evaluation",
            "Metrics on the holdout with intervals, slices and figures; every gate is a check here.",
            ("mlflow",),
            (PlannedEdge(trained, _same(partitions)), PlannedEdge(training_set, _same(partitions))),
            evaluation_checks(model),
            _EVALUATION_FIELDS,
        ),
        asset(
            candidate,
            "candidate",
            "The registered version; refuses without a passing verdict.",
            ("mlflow",),
            (PlannedEdge(evaluation, _same(partitions)), PlannedEdge(trained, _same(partitions))),
            fields=("name",),
        ),
        asset(
            challenger,
            "challenger",
            "The version that is being tried beside the champion; each materialization is a transition.",
            ("mlflow",),
            (registered,),
            fields=("name", "rollout", "approvals"),
            dated=None,
        ),
        asset(
            champion,
            "champion",
            "The version that serves; each materialization is a transition.",
            ("mlflow",),
            (PlannedEdge(challenger, "unpartitioned"),),
            fields=("name", "rollout", "approvals"),
            dated=None,
        ),
        *monitoring_assets(model, catalogue, partitions),
    )


def _asset(
    declaration: Declaration,
    catalogue: Catalogue,
    key: str,
    kind: AssetKind,
    group: str,
    description: str,
    kinds: tuple[str, ...],
    partitions: Partitions | None,
    fields: tuple[str, ...] | None = None,
) -> PlannedAsset:
    return PlannedAsset(
        key=key,
        kind=kind,
        declared_by=declaration.name,
        group=group,
        description=description,
        owners=(declaration.owner,) if declaration.owner else (),
        kinds=kinds,
        tags=dict(sorted(declaration.tags.items())),
        calendar=partitions.calendar if partitions else None,
        end=partitions.end if partitions else None,
        code_version=declaration_digest(declaration.name, catalogue, fields)[:16],
    )


def _same(partitions: Partitions | None) -> Literal["same", "unpartitioned"]:
    return "same" if partitions else "unpartitioned"


def _dataset_cron(dataset: Dataset) -> str | None:
    """Cron of new partitions; data that has ended, or has no partitions, comes by hand unless the spec says when."""
    if dataset.schedule:
        return expand(dataset.schedule)
    if dataset.partitions is None or dataset.partitions.end is not None:
        return None
    return AFTER_PERIOD[dataset.partitions.every]


def _dataset_schedule(dataset: Dataset, asset: PlannedAsset) -> PlannedSchedule | None:
    cron = _dataset_cron(dataset)
    if cron is None:
        return None
    zone = dataset.partitions.timezone if dataset.partitions else "UTC"
    return PlannedSchedule(f"{dataset.name}_new_data", cron, zone, (asset.key,), f"New rows of {dataset.name}.")


def _model_schedule(model: Model, assets: tuple[PlannedAsset, ...]) -> PlannedSchedule | None:
    if model.retrain is None or model.retrain.schedule is None:
        return None
    calendar = assets[0].calendar
    keys = tuple(asset.key for asset in assets if asset.kind in ("training_set", "model", "evaluation", "candidate"))
    zone = calendar.timezone if calendar else "UTC"
    return PlannedSchedule(f"{model.name}_training", expand(model.retrain.schedule), zone, keys, f"Trains {model.name} again.")
