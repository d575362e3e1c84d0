"""What a model takes in: its features in order with their types, and the entity whose rows it scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from mlops_assets.errors import MlopsError

FeatureType = Literal["int64", "float64", "string", "category", "bool", "datetime", "date"]
FEATURE_TYPES: tuple[str, ...] = get_args(FeatureType)


class ModelingError(MlopsError):
    """A model cannot be trained or used as asked; the data or the definition must change."""


@dataclass(frozen=True)
class InputProblem:
    """One thing wrong with rows to score.

    Attributes:
        row: index of the row from 0; None where the whole input is meant.
        field: name of the feature; None where the row itself is meant.
        message: what was found and what is valid. Never holds the value of a text field, which may be personal.
    """

    row: int | None
    field: str | None
    message: str

    def __str__(self) -> str:
        place = ", ".join(([] if self.row is None else [f"row {self.row}"]) + ([] if self.field is None else [f"field {self.field!r}"]))
        return f"{place}: {self.message}" if place else self.message


class BundleInputError(ModelingError):
    """Rows that the model cannot score. ``problems`` names each by row and field; the text shows the first few."""

    SHOWN = 10

    def __init__(self, problems: Sequence[InputProblem]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - self.SHOWN
        text = "; ".join(str(problem) for problem in self.problems[: self.SHOWN])
        super().__init__(text + (f"; and {more} more" if more > 0 else ""))


@dataclass(frozen=True)
class Feature:
    """One input of a model.

    Attributes:
        name: column of a frame, key of a JSON row.
        type: one of :data:`FEATURE_TYPES`.
        nullable: whether a JSON row may hold null here. Frames may always hold missing values: their meaning is
            defined for every feature.
    """

    name: str
    type: FeatureType
    nullable: bool = True


@dataclass(frozen=True)
class Signature:
    """Features in the order of the model's matrix, and the key of what is scored (which the model does not read)."""

    features: tuple[Feature, ...]
    entity: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names:
            raise ModelingError("the model has no features.", do="Name at least one column or view column that it may learn from.")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ModelingError(f"feature {repeated[0]!r} occurs more than once.", do="Give each feature a name of its own.")
        for feature in self.features:
            if feature.type not in FEATURE_TYPES:
                raise ModelingError(f"feature {feature.name!r} has type {feature.type!r}.", valid=FEATURE_TYPES)

    @property
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [feature.name for feature in self.features]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "entity": list(self.entity),
            "features": [{"name": f.name, "nullable": f.nullable, "type": f.type} for f in self.features],
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Signature:
        """Inverse of :meth:`to_json`."""
        return cls(tuple(Feature(f["name"], f["type"], f["nullable"]) for f in body["features"]), tuple(body["entity"]))


def features_of(described: Iterable[Any]) -> tuple[Feature, ...]:
    """Features from anything with ``name`` and ``type`` (and perhaps ``nullable``)."""
    return tuple(Feature(f.name, f.type, bool(getattr(f, "nullable", True))) for f in described)
