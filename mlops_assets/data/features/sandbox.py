"""A locked DuckDB connection for queries that people write in definitions.

Such a query sees the registered tables and ``$as_of``, and nothing else: no files, no network, no settings. It runs on one thread
in UTC, so that equal rows in equal order give equal bytes; ``local_date`` and ``local_time`` say the day and the time of day where the
calendar's zone is. Larger data than ``memory_limit`` spills to a temporary folder.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_assets.data.features.query_rules import Query, SandboxError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_HIDDEN = "'…'"


class Sandbox:
    """One locked in-memory database. Use as a context manager; not for use by several threads at once.

    Args:
        memory_limit: DuckDB's own spelling, such as ``2GB``; None leaves DuckDB's default (80 % of memory).
        folder: where temporary files go when memory is short; None takes the system's temporary folder.
    """

    def __init__(self, *, memory_limit: str | None = None, folder: str | None = None) -> None:
        import duckdb

        self._folder = tempfile.TemporaryDirectory(prefix="mlops-duckdb-", dir=folder)
        config: dict[str, Any] = {
            "threads": "1",
            "preserve_insertion_order": "true",
            "temp_directory": self._folder.name,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        if memory_limit is not None:
            config["memory_limit"] = memory_limit
        try:
            self._connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            self._folder.cleanup()
            raise SandboxError(
                f"DuckDB does not start: {_first_line(str(error))}.", do="Check the memory limit; it looks like 512MB or 4GB."
            ) from error
        self._connection.execute("set TimeZone = 'UTC'")
        self._connection.execute("set enable_progress_bar = false")
        self._connection.execute("set enable_external_access = false")
        self._connection.execute("set lock_configuration = true")

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything and remove temporary files."""
        self._connection.close()
        self._folder.cleanup()

    def execute(self, sql: str, parameters: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
        """Run a statement of our own, unchecked."""
        return self._connection.execute(sql, dict(parameters)) if parameters else self._connection.execute(sql)

    def table(self, sql: str) -> pa.Table:
        """Result of a query of our own, unchecked, as an Arrow table."""
        return self._connection.sql(sql).to_arrow_table()

    def set_zone(self, zone: str) -> None:
        """The zone of ``local_time`` and ``local_date``: what the clock there shows at a moment, and the day that it is there.

        Dates and times without a zone are the clock's already, and stay as they are.
        """
        text = zone.replace("'", "''")
        local = (
            f"case when typeof(moment) = 'TIMESTAMP WITH TIME ZONE' then timezone('{text}', moment::timestamptz) else moment::timestamp end"
        )
        self._connection.execute(f"create or replace temporary macro local_time(moment) as {local}")
        self._connection.execute(f"create or replace temporary macro local_date(moment) as cast({local} as date)")

    def register(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under ``name``, without a copy."""
        self._connection.register(name, table)

    def unregister(self, name: str) -> None:
        """Forget a registered table."""
        self._connection.unregister(name)

    def run(self, query: Query, parameters: Mapping[str, Any], *, private: bool = False) -> pa.Table:
        """Result of a checked query.

        Args:
            query: what :func:`check_query` gave.
            parameters: values by name; those that the query does not use are left out.
            private: the tables hold personal data, so values are masked in error messages.

        Raises:
            SandboxError: with DuckDB's reason and the line in the query.
        """
        import duckdb

        used = {name: value for name, value in parameters.items() if name in query.parameters}
        try:
            relation = self._connection.sql(query.sql, params=used) if used else self._connection.sql(query.sql)
            return relation.to_arrow_table()
        except duckdb.OutOfMemoryException as error:
            raise SandboxError(
                f"the query does not fit into the memory limit: {_first_line(str(error))}",
                where=query.where,
                do="Raise the memory limit.",
            ) from error
        except duckdb.Error as error:
            said = str(error) if _LINE.search(str(error)) else self._located(query, used) or str(error)
            data = not isinstance(error, duckdb.BinderException | duckdb.CatalogException | duckdb.ParserException)
            raise _failure(said, query.where, private and data) from error

    def _located(self, query: Query, parameters: Mapping[str, Any]) -> str | None:
        """The same failure from DuckDB's other entry point, which names the line where ``sql`` does not."""
        import duckdb

        try:
            self.execute(query.sql, parameters).fetchall()
        except duckdb.Error as error:
            return str(error)
        return None


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else message


def _failure(message: str, where: str, private: bool) -> SandboxError:
    found = " ".join(line.strip() for line in message.split("\nLINE ")[0].splitlines() if line.strip())
    found = re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", found)
    if private:
        found = _QUOTED.sub(_HIDDEN, found)
    line = _LINE.search(message)
    return SandboxError(
        found if found.endswith((".", "?", "!")) else f"{found}.", where=f"{where}, line {line.group(1)}" if line else where
    )
