"""The feature views of a model: which stored partitions are read, and which of their columns are taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.data.features.computing import definition_digest
from mlops_assets.data.features.table import Feature
from mlops_assets.data.features.visible import MissingPartitionsError
from mlops_assets.data.training_sets.rows import TrainingSetError, carried_names, unknown_column
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.covering import newest_ended
from mlops_assets.spec.model import Model
from mlops_assets.spec.periods import Windows
from mlops_assets.spec.reads import view_names
from mlops_assets.spec.windows import view_window

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest, Store


@dataclass(frozen=True)
class ModelView:
    """A feature view as a model uses it: stored partitions by as-of key, and the columns to take."""

    name: str
    manifests: Mapping[str, Manifest | None]
    columns: tuple[str, ...]
    types: Mapping[str, Feature]


def model_views(model: Model, catalogue: Catalogue, windows: Windows, keys: Sequence[str], store: Store) -> list[ModelView]:
    """The views that a model names, with the newest partition of each that had ended by each as-of time of ``keys``.

    Raises:
        TrainingSetError: a view or column that is not there, another entity, or partitions of another definition than today's.
        MissingPartitionsError: partitions that are not in the store.
    """
    views = []
    assert windows.calendar is not None
    for name in view_names(model):
        if name not in catalogue.views:
            raise TrainingSetError(f"there is no feature view {name!r}.", where=f"{model.name}.features", valid=sorted(catalogue.views))
        view = catalogue.views[name]
        if set(view.entity) != set(model.entity):
            raise TrainingSetError(
                f"{name} is about {', '.join(view.entity)}, but the model about {', '.join(model.entity)}.", where=f"{model.name}.features"
            )
        calendar = view_window(view, catalogue).calendar
        as_ofs = {k: windows.calendar.end_of(k) for k in keys}
        wanted = {k: None if calendar is None else newest_ended(calendar, as_of) for k, as_of in as_ofs.items()}
        there = {k: v for k, v in wanted.items() if calendar is None or v is not None}
        found = store.window(name, sorted(set(there.values()), key=lambda v: v or ""))
        if missing := sorted({v for v in there.values() if v not in found}, key=lambda v: v or ""):
            raise MissingPartitionsError(name, missing, needed=len(set(there.values())), where=model.name)
        _same_definition(model, name, definition_digest(view, catalogue), found)
        types = _types(model, name, list(found.values()))
        columns = _chosen(model, name, types)
        manifests = {k: found[wanted[k]] if k in there else None for k in keys}
        views.append(ModelView(name, manifests, columns, types))
    return views


def take_columns(model: Model, views: list[ModelView]) -> tuple[tuple[Feature, ...], tuple[str, ...]]:
    """Features in order, and carried columns, which are added to the view that has them."""
    owner: dict[str, str] = {}
    features = []
    for view in views:
        for column in view.columns:
            if column in owner:
                raise TrainingSetError(
                    f"{owner[column]} and {view.name} both have a feature {column!r}.",
                    where=f"{model.name}.features",
                    do="Rename one of them, or name the columns that you want in place of *.",
                )
            owner[column] = view.name
            features.append(view.types[column])
    carried = []
    for position, name in enumerate(carried_names(model)):
        column = name.rpartition(".")[2]
        if column in owner or column in model.entity:
            continue
        for index, view in enumerate(views):
            if column in view.types and name in (column, f"{view.name}.{column}"):
                views[index] = ModelView(view.name, view.manifests, (*view.columns, column), view.types)
                owner[column] = view.name
                carried.append(column)
                break
        else:
            what = "group_by" if position < len(model.training.group_by) else "a gate or weights"
            raise unknown_column(model, name, [c for view in views for c in view.types], what=what)
    return tuple(features), tuple(carried)


def _same_definition(model: Model, name: str, definition: str, found: Mapping[str | None, Manifest]) -> None:
    older = [key for key, manifest in found.items() if manifest.facts.get("definition") != definition]
    if older:
        span = "" if older == [None] else f" ({older[0]} to {older[-1]})"
        raise TrainingSetError(
            f"{len(older)} of {len(found)} partitions of {name} were computed by another definition than today's{span}.",
            where=model.name,
            do=f"Materialize {name}{f' for {older[0]} to {older[-1]}' if span else ''} again.",
        )


def _types(model: Model, name: str, manifests: Sequence[Manifest]) -> dict[str, Feature]:
    filled = [manifest for manifest in manifests if manifest.rows] or list(manifests)
    first = filled[-1].facts["features"] if filled else []
    for manifest in filled:
        if manifest.facts["features"] != first:
            raise TrainingSetError(
                f"{name} has other columns or types in partition {manifest.partition} than in {filled[-1].partition}.",
                where=model.name,
                do=f"Materialize {name} again over the whole window.",
            )
    return {feature["name"]: Feature(feature["name"], feature["type"]) for feature in first}


def _chosen(model: Model, view: str, types: Mapping[str, Feature]) -> tuple[str, ...]:
    chosen: dict[str, None] = {}
    for feature in model.features:
        name, _, column = feature.partition(".")
        if name != view:
            continue
        if column in ("*", ""):
            chosen.update(dict.fromkeys(types))
        elif column in types:
            chosen[column] = None
        else:
            raise unknown_column(model, column, list(types), what=f"features: {feature}")
    return tuple(chosen)
