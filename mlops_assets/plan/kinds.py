"""The kinds of assets, a row each: what it is, what it reads, when it comes by itself and how it is run.

A new kind is its name and its row here, and ``components/bodies/<kind>.py``, which makes it. Its checks are rows of
:mod:`mlops_assets.plan.checks`. Its code version changes with the whole declaration until marks on fields name it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal

from mlops_assets.plan.edges import PlannedEdge, model_edges, outcome_edges, score_edges, view_edges
from mlops_assets.plan.subject import D, Subject
from mlops_assets.plan.timing import Timing, data_timing, predictions_timing, scores_timing
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.windows import model_windows, monitor_periods, view_window

AssetKind = Literal[
    "dataset",
    "features",
    "training_set",
    "model",
    "evaluation",
    "candidate",
    "challenger",
    "champion",
    "scores",
    "predictions",
    "outcomes",
    "data_quality",
    "drift",
    "performance",
]
"""Their names, in the order of :data:`KINDS`; a type checker reads a Literal only as it is written."""
Part = Literal["data", "training", "deployment", "monitoring"]


@dataclass(frozen=True)
class Kind(Generic[D]):
    """What assets of one kind have in common. What is a function says what follows from the declaration.

    Attributes:
        of: what declares such an asset.
        part: of a model's life: ``data`` for all; ``training`` from points in time to a candidate; ``deployment`` states;
            ``monitoring`` of what serves.
        about: what it is; empty where its declaration says it.
        technology: labels in the graph; by default where it is stored.
        reads: its inputs; nothing by default.
        timing: when it is made by itself; by default it is not.
        description: what is said of one such asset, given ``about``, which it is by default.
        wanted: whether there is one; by default there is.
        recompute: newest partitions, by number, that follow a corrected input by themselves.
        key: its key, of the declaration's name and the kind.
        group: its group in the graph.
        dated: whether it has partitions where its declaration has; else one version at a time.
        whole_range: whether a whole range of partitions is made in one run.
        logs_to_mlflow: whether it logs below the parent run of its Dagster run.
        pool: name of the pool that limits how many are made at once.
    """

    of: type[D]
    part: Part
    about: str = ""
    technology: Callable[[D], tuple[str, ...]] = lambda _: ("parquet",)
    reads: Callable[[Subject[D]], tuple[PlannedEdge, ...]] = lambda _: ()
    timing: Callable[[Subject[D]], Timing] = lambda _: Timing()
    description: Callable[[str, D], str] = lambda about, _: about
    wanted: Callable[[D], bool] = lambda _: True
    recompute: Callable[[Subject[D]], int] = lambda _: 1
    key: str = "{name}/{kind}"
    group: str = "{name}"
    dated: bool = True
    whole_range: bool = False
    logs_to_mlflow: bool = False
    pool: str | None = None


def _in_mlflow(_: Model) -> tuple[str, ...]:
    return ("mlflow",)


def _matured_and_newest(subject: Subject[Model]) -> tuple[PlannedEdge, ...]:
    """The newest window whose labels are final; for the estimate, the newest there is."""
    window = monitor_periods(subject.declaration, subject.catalogue)
    horizon = model_windows(subject.declaration, subject.catalogue).horizon
    return subject.own("outcomes", window, back=horizon), subject.own("predictions", window)


KINDS: Mapping[AssetKind, Kind[Any]] = {
    "dataset": Kind[Dataset](
        of=Dataset,
        part="data",
        technology=lambda dataset: tuple(dict.fromkeys((dataset.source.kind, "parquet"))),
        timing=data_timing,
        description=lambda _, dataset: dataset.description,
        key="{name}",
        group="data",
        whole_range=True,
    ),
    "features": Kind[FeatureView](
        of=FeatureView,
        part="data",
        technology=lambda view: ("duckdb" if view.sql else "python", "parquet"),
        reads=lambda subject: view_edges(subject.declaration, subject.catalogue),
        timing=lambda _: Timing("eager"),
        description=lambda _, view: view.description,
        recompute=lambda subject: max(1, view_window(subject.declaration, subject.catalogue).recompute),
        key="{name}",
        group="features",
        whole_range=True,
    ),
    "training_set": Kind[Model](
        of=Model,
        part="training",
        about="Entities at points in time, with features, target and split.",
        reads=lambda subject: model_edges(subject.declaration, subject.catalogue),
    ),
    "model": Kind[Model](
        of=Model,
        part="training",
        about="The trained bundle.",
        technology=lambda model: (model.training.estimator.row.shown_as, "mlflow"),
        reads=lambda subject: (subject.own("training_set"),),
        description=lambda about, model: f"{about} {model.description}" if model.description else about,
        logs_to_mlflow=True,
        pool="training",
    ),
    "evaluation": Kind[Model](
        of=Model,
        part="training",
        about="Metrics on the holdout with intervals, slices and figures; every gate is a check here.",
        technology=_in_mlflow,
        reads=lambda subject: (subject.own("model"), subject.own("training_set")),
        logs_to_mlflow=True,
    ),
    "candidate": Kind[Model](
        of=Model,
        part="training",
        about="The registered version; refuses without a passing verdict.",
        technology=_in_mlflow,
        reads=lambda subject: (subject.own("evaluation"), subject.own("model")),
        logs_to_mlflow=True,
    ),
    "challenger": Kind[Model](
        of=Model,
        part="deployment",
        about="The version that is being tried beside the champion; each materialization is a transition.",
        technology=_in_mlflow,
        reads=lambda subject: (subject.every("candidate"),),
        dated=False,
    ),
    "champion": Kind[Model](
        of=Model,
        part="deployment",
        about="The version that serves; each materialization is a transition.",
        technology=_in_mlflow,
        reads=lambda subject: (subject.newest("challenger"),),
        dated=False,
    ),
    "scores": Kind[Model](
        of=Model,
        part="monitoring",
        about="Batch predictions: the champion over everyone who is scored, as of the end of d.",
        reads=lambda subject: (*score_edges(subject.declaration, subject.catalogue), subject.newest("champion")),
        timing=scores_timing,
        wanted=lambda model: model.score is not None,
        whole_range=True,
    ),
    "predictions": Kind[Model](
        of=Model,
        part="monitoring",
        about="What was predicted in d: answers of the server from its journal, and batch scores.",
        reads=lambda subject: (*((subject.own("scores"),) if subject.declaration.score else ()), subject.newest("champion")),
        timing=predictions_timing,
        whole_range=True,
    ),
    "outcomes": Kind[Model](
        of=Model,
        part="monitoring",
        about="Predictions of d beside what happened, as far as it is known; filled in as horizons pass.",
        reads=lambda subject: (subject.own("predictions"), *outcome_edges(subject.declaration, subject.catalogue)),
        whole_range=True,
    ),
    "data_quality": Kind[Model](
        of=Model,
        part="monitoring",
        about="What the model was given in d: rows, missing values, values that it never saw.",
        reads=lambda subject: (subject.own("predictions"),),
        timing=lambda _: Timing("follow"),
        whole_range=True,
    ),
    "drift": Kind[Model](
        of=Model,
        part="monitoring",
        about="Recent predictions beside what the champion learned from, by column and for the score.",
        technology=lambda _: ("evidently", "parquet"),
        reads=lambda subject: (subject.own("predictions", monitor_periods(subject.declaration, subject.catalogue)),),
        timing=lambda _: Timing("follow"),
        whole_range=True,
    ),
    "performance": Kind[Model](
        of=Model,
        part="monitoring",
        about="The metric on the newest matured labels beside its value at the gate, with coverage; and its estimate before labels.",
        reads=_matured_and_newest,
        whole_range=True,
    ),
}
"""Every kind, after those that it reads."""

TRAINING_CHAIN = tuple(kind for kind, row in KINDS.items() if row.part == "training")
"""What one training runs, in order: from points in time to a candidate."""
