"""Stored partitions of one monitoring asset as one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_assets.spec.windows import model_windows, monitor_periods

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace


def window_keys(workspace: Workspace, name: str, key: str | None, *, back: int = 0) -> list[str | None]:
    """Partitions that monitoring of ``name`` at ``key`` looks back over, the newest ``back`` periods before it, oldest first."""
    model = workspace.catalogue.models[name]
    calendar = model_windows(model, workspace.catalogue).calendar
    if calendar is None or key is None:
        return [None]
    newest = calendar.shift(key, -back)
    return list(calendar.between(calendar.shift(newest, 1 - monitor_periods(model, workspace.catalogue)), newest))


def current(workspace: Workspace, asset: str, keys: Sequence[str | None]) -> list[Manifest]:
    """Current versions of those ``keys`` that are there, in order."""
    found = workspace.store.window(asset, list(keys))
    return [found[key] for key in keys if key in found]


def inputs_of(manifests: Sequence[Manifest]) -> dict[str, str]:
    """What was read: manifest reference to digest."""
    return {manifest.reference: manifest.digest for manifest in manifests}


def read_together(workspace: Workspace, manifests: Sequence[Manifest]) -> pa.Table | None:
    """Rows of ``manifests`` in order; columns that some partitions lack are null there. None without any partition."""
    return concat([workspace.store.read(manifest) for manifest in manifests])


def concat(tables: Sequence[pa.Table]) -> pa.Table | None:
    """Tables below one another; columns of one name are brought to a type that holds both, ones that a table lacks are null in it."""
    import pyarrow as pa

    filled = [table for table in tables if table.num_rows] or list(tables[:1])
    if not filled:
        return None
    return pa.concat_tables([plain(table) for table in filled], promote_options="permissive").combine_chunks()


def joined_by_entity(left: pa.Table, right: pa.Table, entity: Sequence[str], *, how: str) -> pa.Table:
    """A join by the entity's key: where the types of a key differ, such as ``42`` that requests wrote as text, by its text."""
    import pyarrow as pa

    from mlops_assets.spec.entity_keys import any_text

    for name in entity:
        if left.schema.field(name).type == right.schema.field(name).type:
            continue
        left, right = (
            table.set_column(
                table.column_names.index(name), name, pa.array([any_text(value) for value in table.column(name).to_pylist()], pa.string())
            )
            for table in (left, right)
        )
    return left.join(right, list(entity), join_type=how)


def plain(table: pa.Table) -> pa.Table:
    """The same rows with text in place of dictionaries, so that partitions of different dictionaries fit together."""
    import pyarrow as pa

    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table
