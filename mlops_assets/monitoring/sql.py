"""DuckDB over tables and files of predictions, labels and outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def connect(memory_limit: str | None = None, folder: Path | None = None) -> duckdb.DuckDBPyConnection:
    """A database in memory, in UTC, with at most ``memory_limit``; ``folder`` takes what does not fit."""
    import duckdb

    connection = duckdb.connect(":memory:")
    connection.execute("set timezone = 'UTC'; set enable_progress_bar = false; set preserve_insertion_order = false")
    if memory_limit is not None:
        connection.execute(f"set memory_limit = {quoted_text(memory_limit)}")
    if folder is not None:
        connection.execute(f"set temp_directory = {quoted_text(str(folder))}")
    return connection


def columns_of(connection: duckdb.DuckDBPyConnection, view: str) -> list[str]:
    """Names of the columns of a view."""
    return [str(row[0]) for row in connection.execute(f"describe {view}").fetchall()]


def listed(columns: Iterable[str], table: str | None = None) -> str:
    """Columns as a query lists them."""
    prefix = "" if table is None else f"{table}."
    return ", ".join(prefix + quoted_name(column) for column in columns)


def quoted_name(column: str) -> str:
    """A column as a query names it."""
    return '"' + column.replace('"', '""') + '"'


def quoted_text(value: str) -> str:
    """Text as a query writes it."""
    return "'" + value.replace("'", "''") + "'"
