"""The part of a model's plan that lives while it serves: what it predicts, what came of it, how it drifts, and what acts on that."""

from __future__ import annotations

from mlops_assets.plan.checks import monitoring_checks
from mlops_assets.plan.edges import outcome_edges, recent, score_edges
from mlops_assets.plan.model import AssetKind, PlannedAsset, PlannedEdge, PlannedSensor
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.cron import AFTER_PERIOD, expand
from mlops_assets.spec.dataset import Partitions
from mlops_assets.spec.digest import declaration_digest
from mlops_assets.spec.model import Model
from mlops_assets.spec.windows import model_windows, monitor_periods

MONITORING_SENSOR = "monitoring_follows"
LABELS_SENSOR = "labels_mature"

MONITORING_KINDS: tuple[AssetKind, ...] = ("scores", "predictions", "outcomes", "data_quality", "drift", "performance")

_ABOUT: dict[AssetKind, str] = {
    "scores": "Batch predictions: the champion over everyone who is scored, as of the end of d.",
    "predictions": "What was predicted in d: answers of the server from its journal, and batch scores.",
    "outcomes": "Predictions of d beside what happened, as far as it is known; filled in as horizons pass.",
    "data_quality": "What the model was given in d: rows, missing values, values that it never saw.",
    "drift": "Recent predictions beside what the champion learned from, by column and for the score.",
    "performance": "The metric on the newest matured labels beside its value at the gate, with coverage; and its estimate before labels.",
}
_FIELDS: dict[AssetKind, tuple[str, ...]] = {
    "scores": ("task", "examples", "entity", "population", "features"),
    "predictions": ("entity", "examples"),
    "outcomes": ("task", "examples", "entity", "label"),
    "data_quality": ("monitor",),
    "drift": ("monitor",),
    "performance": ("task", "monitor"),
}


def monitoring_assets(model: Model, catalogue: Catalogue, partitions: Partitions | None) -> tuple[PlannedAsset, ...]:
    """Assets that follow a champion; ``scores`` only where the spec asks for batch predictions."""
    windows, calendar = model_windows(model, catalogue), partitions.calendar if partitions else None
    window, name = monitor_periods(model, catalogue), model.name
    champion = PlannedEdge(f"{name}/champion", "unpartitioned")
    predicted = recent(f"{name}/predictions", calendar, 1)
    scored = (recent(f"{name}/scores", calendar, 1),) if model.score else ()
    deps: dict[AssetKind, tuple[PlannedEdge, ...]] = {
        "scores": (*score_edges(model, catalogue), champion),
        "predictions": (*scored, champion),
        "outcomes": (predicted, *outcome_edges(model, catalogue)),
        "data_quality": (predicted,),
        "drift": (recent(f"{name}/predictions", calendar, window),),
        "performance": (
            recent(f"{name}/outcomes", calendar, window, back=windows.horizon),
            recent(f"{name}/predictions", calendar, window),
        ),
    }
    after = AFTER_PERIOD[calendar.every] if calendar else expand("daily")
    first = "scores" if model.score else "predictions"
    planned = []
    for kind in MONITORING_KINDS:
        if kind == "scores" and model.score is None:
            continue
        automation, cron = ("after", expand(model.score.schedule) if model.score else after) if kind == first else ("follow", None)
        planned.append(
            PlannedAsset(
                key=f"{name}/{kind}",
                kind=kind,
                declared_by=name,
                group=name,
                description=_ABOUT[kind],
                owners=(model.owner,) if model.owner else (),
                kinds=("evidently", "parquet") if kind == "drift" else ("parquet",),
                tags=dict(sorted(model.tags.items())),
                calendar=calendar,
                end=partitions.end if partitions else None,
                deps=deps[kind],
                checks=monitoring_checks(model, kind),
                code_version=declaration_digest(name, catalogue, ("name", *_FIELDS[kind]))[:16],
                automation=None if kind in ("outcomes", "performance") else automation,  # type: ignore[arg-type]
                cron=cron,
            )
        )
    return tuple(planned)


def monitoring_sensors(catalogue: Catalogue, assets: tuple[PlannedAsset, ...]) -> tuple[PlannedSensor, ...]:
    """What keeps the loop going: monitoring follows, labels mature, and by model retraining, promotion, alerts and retirement."""
    following = tuple(asset.key for asset in assets if asset.automation in ("follow", "after"))
    labelled = tuple(asset.key for asset in assets if asset.kind in ("outcomes", "performance"))
    if not labelled:
        return ()
    sensors = [
        PlannedSensor(MONITORING_SENSOR, "Scores come by their schedule, and monitoring follows what was predicted.", following),
        PlannedSensor(
            LABELS_SENSOR, "Fills outcomes in as horizons pass or labels are corrected, then measures.", labelled, "labels", seconds=60
        ),
    ]
    for name, model in sorted(catalogue.models.items()):
        trained = tuple(f"{name}/{stage}" for stage in ("training_set", "model", "evaluation", "candidate"))
        if model.retrain is not None and model.retrain.when is not None:
            about = "Asks the retraining policy after each monitored window; each yes and each no is recorded."
            sensors.append(PlannedSensor(f"{name}_retraining", about, trained, "retraining", name, seconds=60))
        how = "becomes champion" if model.rollout.strategy == "direct" else f"starts its {model.rollout.strategy} rollout"
        about = f"A new candidate {how} by itself where no approval is asked for; the first one becomes champion."
        sensors.append(PlannedSensor(f"{name}_promotion", about, (f"{name}/challenger", f"{name}/champion"), "promotion", name))
        if model.monitor.alerts:
            about = f"Weighs {len(model.monitor.alerts)} alert rule{'' if len(model.monitor.alerts) == 1 else 's'}, tells people, and acts."
            sensors.append(PlannedSensor(f"{name}_alerts", about, (f"{name}/performance",), "alerts", name))
        if model.retire_after is not None:
            about = f"Proposes retirement after {model.retire_after} without traffic."
            sensors.append(PlannedSensor(f"{name}_retirement", about, (f"{name}/champion",), "retirement", name, seconds=3600))
    return tuple(sensors)
