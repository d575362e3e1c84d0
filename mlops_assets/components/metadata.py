"""Metadata that the Dagster UI shows and plots, from what the lifecycle stored."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_assets.lifecycle.results import Document, Link, Picture, Rows, RunLink, Stored, rounded

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest


def metadata_of(stored: Stored) -> dict[str, Any]:
    """What is shown of a stored partition."""
    about = _of_manifest(stored.manifest) if stored.manifest is not None else {}
    return {**about, **shown(stored.shown)}


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values in Dagster's forms."""
    return {name: _form(value) for name, value in values.items()}


def _of_manifest(manifest: Manifest) -> dict[str, Any]:
    """Row count, columns, version and quarantine of a stored partition."""
    about: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "dagster/column_schema": dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in manifest.schema]),
        "rows": manifest.rows,
        "version": manifest.digest,
        "files": [file.path for file in manifest.files],
    }
    if manifest.quarantined is not None:
        about["quarantined_rows"] = manifest.quarantined.rows
    if manifest.inputs:
        about["inputs"] = len(manifest.inputs)
    return about


def _form(value: Any) -> Any:
    if isinstance(value, Rows):
        return _table(value.rows)
    if isinstance(value, Document):
        return dg.MetadataValue.json(value.content)
    if isinstance(value, Link):
        return dg.MetadataValue.url(value.url)
    if isinstance(value, RunLink):
        return dg.MetadataValue.dagster_run(value.run_id)
    if isinstance(value, Picture):
        return dg.MetadataValue.md(f"![{value.title}](data:image/png;base64,{base64.b64encode(value.png).decode()})")
    return value


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Rows of one shape as a table; every value is shown as text or number."""
    records = [dg.TableRecord({k: _cell(v) for k, v in row.items()}) for row in rows]
    columns = [dg.TableColumn(name) for name in rows[0]] if rows else []
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def _cell(value: Any) -> int | float | str | bool:
    if isinstance(value, float):
        return rounded(value)
    return value if isinstance(value, (int, str, bool)) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return " … ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in value)
    return str(value)
