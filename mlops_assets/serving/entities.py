"""Rows that name an entity alone: their features come from the online table, and the answer says how old they are."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.data.training_sets.rows import seconds_of
from mlops_assets.modeling.requests.errors import RequestError, invalid_rows
from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.online import OnlineRow, OnlineStore
from mlops_assets.spec.entity_keys import KeyFormError, earlier_texts, key_text, part_text
from mlops_assets.spec.reads import view_names

if TYPE_CHECKING:
    from mlops_assets.spec.catalogue import Catalogue
    from mlops_assets.spec.durations import Duration
    from mlops_assets.spec.feature_view import FeatureView
    from mlops_assets.spec.model import Model

log = logging.getLogger(__name__)

PUBLISH = "`mlops publish MODEL` computes and publishes the newest ones."


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the features of a request are.

    Attributes:
        as_of: by view, the oldest as-of time among its rows (microseconds since 1970, UTC).
        age: seconds since the oldest of them.
        stale: views whose rows are older than the spec allows, where it asks only for a warning.
        rows: per row, the as-of time by view.
    """

    as_of: Mapping[str, int]
    age: float
    stale: tuple[str, ...]
    rows: Sequence[Mapping[str, int]]

    def to_json(self) -> dict[str, Any]:
        """As the answer says it."""
        moments = {view: datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z") for view, at in self.as_of.items()}
        return {"as_of": moments, "age_seconds": round(self.age, 3), "stale": list(self.stale)}


class EntityFeatures:
    """Looks features of one model up.

    Args:
        entity: key columns.
        views: the views that the model's features come from; each of them is published online.
        store: where they are published.
        clock: seconds since 1970.
    """

    def __init__(
        self, entity: Sequence[str], views: Sequence[FeatureView], store: OnlineStore, clock: Callable[[], float] = time.time
    ) -> None:
        self.entity = tuple(entity)
        self.views = tuple(views)
        self._store = store
        self._clock = clock
        self._limits = {view.name: _seconds(view.online.max_age) if view.online is not None else None for view in views}

    @cached_property
    def decode(self) -> Callable[[bytes], Any]:
        """From the bytes of ``{"data": [keys]}`` to an object with ``data``; a ``ValueError`` where rows hold anything else."""
        fields: list[Any] = [(f"k{index}", int | str) for index in range(len(self.entity))]
        rename = {f"k{index}": name for index, name in enumerate(self.entity)}
        key = msgspec.defstruct("Key", fields, rename=rename, forbid_unknown_fields=True)
        body = msgspec.defstruct("Keys", [("data", list[key])], forbid_unknown_fields=True)  # type: ignore[valid-type]
        decode = msgspec.json.Decoder(body).decode

        def read(content: bytes) -> list[dict[str, Any]]:
            rows: list[dict[str, Any]] = msgspec.to_builtins(decode(content).data)  # type: ignore[attr-defined]
            return rows

        return read

    def asks(self, row: Any) -> bool:
        """Whether a row names its entity alone."""
        return isinstance(row, Mapping) and bool(row) and set(row) <= set(self.entity)

    def complete(self, rows: Sequence[Mapping[str, Any]], features: Sequence[str]) -> tuple[list[dict[str, Any]], Freshness]:
        """Rows with their features. An entity that one view has no row of gets missing values there, as in training.

        Args:
            rows: the entity's key each.
            features: names that the live versions need.

        Raises:
            RequestError: 422 for keys that are not whole or that nothing is known of, 503 for features that are too old or not published,
                or that cannot be read.
        """
        keys = self._keys(rows)
        try:
            found = {view.name: self._store.get(view.name, keys) for view in self.views}
        except ServingError as error:
            log.error("features of %s cannot be looked up: %s", " and ".join(self.entity), error)
            message = "The store of features does not answer; ask again, or send whole rows."
            raise RequestError(503, "features_unavailable", message) from None
        unknown = [i for i in range(len(rows)) if all(of_view[i] is None for of_view in found.values())]
        if unknown:
            said = self._unknown([rows[i] for i in unknown])
            raise invalid_rows([InputProblem(i, self.entity[0], message) for i, message in zip(unknown, said, strict=True)])
        completed = [self._row(row, {name: of_view[i] for name, of_view in found.items()}, features) for i, row in enumerate(rows)]
        return completed, self._freshness(found, len(rows))

    def _keys(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        keys: list[str] = []
        problems: list[InputProblem] = []
        for index, row in enumerate(rows):
            before = len(problems)
            for name in self.entity:
                try:
                    if part_text(row.get(name)) is None:
                        problems.append(InputProblem(index, name, f"is missing; a row needs {' and '.join(self.entity)}"))
                except KeyFormError as error:
                    problems.append(InputProblem(index, name, str(error)))
            if len(problems) == before:
                keys.append(key_text([row[name] for name in self.entity]) or "")
        if problems:
            raise invalid_rows(problems)
        return keys

    def _unknown(self, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        """What to say of entities that nothing is known of; a row under an earlier text of the key points at what went wrong."""
        others = [earlier_texts([row[name] for name in self.entity]) for row in rows]
        asked = [text for texts in others for text in texts]
        known: set[str] = set()
        with contextlib.suppress(ServingError):
            for view in self.views:
                known |= {text for text, one in zip(asked, self._store.get(view.name, asked), strict=True) if one is not None}
        plain = "is an entity that has no features here"
        earlier = f"{plain} under this text, but under one that an earlier version gave to numbers, times and truth values. {PUBLISH}"
        return [earlier if known.intersection(texts) else plain for texts in others]

    def _row(self, row: Mapping[str, Any], found: Mapping[str, OnlineRow | None], features: Sequence[str]) -> dict[str, Any]:
        known: dict[str, Any] = {}
        for one in found.values():
            if one is not None:
                known.update(one.features)
        lost = [name for name in features if name not in known]
        if lost and all(one is not None for one in found.values()):
            message = f"The published features of {' and '.join(found)} have no {lost[0]}. {PUBLISH}"
            raise RequestError(503, "features_missing", message)
        return {**row, **{name: known.get(name) for name in features}}

    def _freshness(self, found: Mapping[str, Sequence[OnlineRow | None]], rows: int) -> Freshness:
        now = self._clock()
        oldest = {name: min(row.as_of for row in of_view if row is not None) for name, of_view in found.items() if any(of_view)}
        stale = []
        for view in self.views:
            limit, at = self._limits[view.name], oldest.get(view.name)
            if limit is None or at is None or now - at / 1e6 <= limit:
                continue
            if view.online is not None and view.online.on_stale == "refuse":
                age = _shown(now - at / 1e6)
                message = f"The features of {view.name} are {age} old; the model takes them up to {view.online.max_age}. {PUBLISH}"
                raise RequestError(503, "stale_features", message)
            stale.append(view.name)
        per_row = [{name: one.as_of for name, of_view in found.items() if (one := of_view[i]) is not None} for i in range(rows)]
        return Freshness(oldest, max((now - at / 1e6 for at in oldest.values()), default=0.0), tuple(stale), per_row)


def entity_features(catalogue: Catalogue, store: OnlineStore) -> dict[str, EntityFeatures]:
    """What can be looked up, by model: those in the full form whose views are all published online."""
    found = {}
    for name, model in catalogue.models.items():
        views = _views(model, catalogue)
        if views:
            found[name] = EntityFeatures(model.entity, views, store)
    return found


def _views(model: Model, catalogue: Catalogue) -> list[FeatureView]:
    names = list(dict.fromkeys(view_names(model))) if model.features else []
    views = [catalogue.views[name] for name in names if name in catalogue.views]
    return views if len(views) == len(names) and all(view.online is not None and view.entity == model.entity for view in views) else []


def _seconds(age: Duration | None) -> float | None:
    if age is None:
        return None
    return seconds_of(age)


def _shown(seconds: float) -> str:
    for unit, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} seconds"
