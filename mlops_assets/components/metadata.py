"""Metadata that the Dagster UI shows and plots, from manifests and figures."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest


def manifest_metadata(manifest: Manifest, *, unit: str = "rows") -> dict[str, Any]:
    """Row count, columns, version and quarantine of a stored partition."""
    shown: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "dagster/column_schema": dg.TableSchema(columns=[dg.TableColumn(name, kind) for name, kind in manifest.schema]),
        unit: manifest.rows,
        "version": manifest.digest,
        "files": [file.path for file in manifest.files],
    }
    if manifest.quarantined is not None:
        shown["quarantined_rows"] = manifest.quarantined.rows
    if manifest.inputs:
        shown["inputs"] = len(manifest.inputs)
    return shown


def picture(png: bytes, title: str) -> dg.MarkdownMetadataValue:
    """A small PNG, shown in place."""
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})")


def rounded(value: float) -> float:
    """A measured number with six significant digits, which is more than its interval allows."""
    return float(f"{value:.6g}")


def table(rows: list[Mapping[str, Any]]) -> dg.TableMetadataValue:
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
