"""Small made-up training sets and models whose faults are known, to prove gates with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from mlops_assets.modeling.encoding import Encoder, FittedFeature
from mlops_assets.modeling.requests.plain import plain_matrix
from mlops_assets.modeling.signature import Feature, Signature
from mlops_assets.modeling.target import Target

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    from mlops_assets.data.training_sets.training_set import TrainingSet
    from mlops_assets.modeling.bundle import Bundle

    Array = np.ndarray[Any, np.dtype[Any]]

TRAIN_ROWS, HOLDOUT_ROWS = 1500, 2000
CLASSES: dict[str, tuple[Any, ...]] = {
    "binary_classification": (False, True),
    "multiclass_classification": ("a", "b", "c"),
    "regression": (),
}


@dataclass(frozen=True)
class SyntheticSet:
    """What gates read of a training set."""

    table: pa.Table
    entity: tuple[str, ...] = ()
    target: str = "target"
    manifest: Any = field(default_factory=lambda: SimpleNamespace(digest="0" * 64))
    facts: Mapping[str, Any] = field(default_factory=dict)

    def split(self, name: str) -> pa.Table:
        """Rows of one side."""
        import pyarrow.compute as pc

        return self.table.filter(pc.equal(self.table.column("__split"), name))


@dataclass(frozen=True)
class SyntheticBundle:
    """A model that is a function of a frame of numbers.

    Attributes:
        alone: what it adds when it scores rows outside a frame.
        asked: what it adds when it scores what a request brought.
    """

    task: str
    signature: Signature
    score: Callable[[pd.DataFrame], Array]
    alone: float = 0.0
    asked: float = 0.0
    before_row: Callable[[], None] | None = None
    digest: str = "0" * 64
    trees_digest: str | None = None
    calibration: None = None

    @property
    def classes(self) -> tuple[Any, ...]:
        return CLASSES[self.task]

    @property
    def target(self) -> Target:
        return Target(self.task, self.classes)

    @property
    def encoder(self) -> Encoder:
        return Encoder("native", [FittedFeature(feature, None) for feature in self.signature.features])

    def reloaded(self) -> SyntheticBundle:
        return self

    def predict(self, frame: pd.DataFrame) -> Array:
        return self.score(frame)

    def matrix(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        return plain_matrix(self.signature, self.encoder, rows)

    def score_matrix(self, matrix: Array) -> Array:
        import pandas as pd

        result: Array = self.score(pd.DataFrame(matrix, columns=self.encoder.names)) + self.asked
        return result

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Array:
        import pandas as pd

        if self.before_row is not None:
            self.before_row()
        result: Array = self.score(pd.DataFrame(list(rows))) + self.alone
        return result

    def json_rows(self, frame: pd.DataFrame) -> list[dict[str, Any]]:
        return [{str(k): v for k, v in row.items()} for row in frame[self.signature.names].to_dict("records")]

    def importance(self) -> list[tuple[str, float]]:
        return []


@dataclass(frozen=True)
class World:
    """Outcomes of both sides and one honest feature ``signal`` that tells something of them, but far from all.

    ``y`` is coded as in :class:`~mlops_assets.modeling.holdout.Rows`.
    """

    task: str
    y_train: Array
    y_holdout: Array
    signal_train: Array
    signal_holdout: Array

    @classmethod
    def make(cls, task: str, *, seed: int = 0) -> World:
        """Balanced classes in fixed turn, or normal outcomes."""
        import numpy as np

        random = np.random.default_rng(seed)
        sides = []
        for n in (TRAIN_ROWS, HOLDOUT_ROWS):
            k = len(CLASSES[task])
            y = random.normal(10.0, 2.0, n) if not k else (np.arange(n) % k).astype(float if k == 2 else int)
            sides.append((y, y + random.normal(0, 1.5 if k else 3.0, n)))
        return cls(task, sides[0][0], sides[1][0], sides[0][1], sides[1][1])

    def predictions(self, y: Array, right: Array | bool = True) -> Array:
        """Certain predictions of ``y``, correct where ``right`` and as wrong as can be elsewhere."""
        import numpy as np

        right = np.broadcast_to(np.asarray(right), y.shape)
        if self.task == "binary_classification":
            return np.where(right, y, 1 - y)
        if self.task == "multiclass_classification":
            k = len(CLASSES[self.task])
            called = np.where(right, y, (y + 1) % k).astype(int)
            result: Array = np.eye(k)[called]
            return result
        return np.where(right, y, y + 1e6 * np.where(np.arange(len(y)) % 4, 1.0, -1.0))

    def values(self, y: Array) -> Array:
        """Outcomes as the data holds them."""
        import numpy as np

        classes = CLASSES[self.task]
        return np.asarray(classes, dtype=object)[y.astype(int)] if classes else y


def make_set(world: World, columns: Mapping[str, tuple[Array, Array]], entity: tuple[str, ...] = ()) -> TrainingSet:
    """A training set of this world: ``signal``, the outcomes, and further columns as (train, holdout)."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    sides = []
    for side, (name, y, signal) in enumerate(
        [("train", world.y_train, world.signal_train), ("holdout", world.y_holdout, world.signal_holdout)]
    ):
        more = {column: both[side] for column, both in columns.items()}
        sides.append(pd.DataFrame({"signal": signal, **more, "__target": world.values(y), "__split": np.full(len(y), name, object)}))
    table = pa.Table.from_pandas(pd.concat(sides, ignore_index=True), preserve_index=False)
    return cast("TrainingSet", SyntheticSet(table, entity))


def make_bundle(task: str, score: Callable[[pd.DataFrame], Array], features: Mapping[str, str], **more: Any) -> Bundle:
    """A model of ``features`` (name: type) that predicts ``score(frame)``."""
    signature = Signature(tuple(Feature(name, cast(Any, kind)) for name, kind in features.items()))
    return cast("Bundle", SyntheticBundle(task, signature, score, **more))


def prediction_columns(prefix: str, train: Array, holdout: Array) -> dict[str, tuple[Array, Array]]:
    """Predictions as columns ``prefix0 …``, so that a model can be made that reads its answers."""
    if train.ndim == 1:
        return {f"{prefix}0": (train, holdout)}
    return {f"{prefix}{k}": (train[:, k], holdout[:, k]) for k in range(train.shape[1])}


def reading(task: str, prefix: str) -> tuple[Callable[[pd.DataFrame], Array], dict[str, str]]:
    """The score and features of a model that reads :func:`prediction_columns`."""
    names = [f"{prefix}{k}" for k in range(len(CLASSES[task]) if task == "multiclass_classification" else 1)]

    def score(frame: pd.DataFrame) -> Array:
        values: Array = frame[names].to_numpy(float)
        return values if task == "multiclass_classification" else values[:, 0]

    return score, dict.fromkeys(names, "float64")
