"""A locked DuckDB connection for queries that people write in definitions.

Such a query sees the registered tables and ``$as_of``, and nothing else: no files, no network, no clock, no
randomness, no settings. It is one SELECT. It runs on one thread in UTC, so that equal rows in equal order give equal
bytes; larger data than ``memory_limit`` spills to a temporary folder.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import MlopsError, nearest

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
CLOCK_FUNCTIONS = CLOCK_WORDS | {"current_localtime", "current_localtimestamp", "ago", "pg_postmaster_start_time", "pg_conf_load_time"}
RANDOM_FUNCTIONS = frozenset({"reservoir_quantile"})
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"})
HARMLESS = frozenset({"error"})

_LINE = re.compile(r"^LINE (\d+):", re.MULTILINE)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_HIDDEN = "'…'"


class SandboxError(MlopsError):
    """A query that may not run, or that failed; says the line of the SQL and whose query it is."""


@dataclass(frozen=True)
class Query:
    """A checked SELECT.

    Attributes:
        sql: its text.
        where: whose query it is, for messages: ``customer_rfm.sql``.
        tables: registered tables that it reads, sorted.
        parameters: named parameters that it uses.
        words: every name and text in it in lower case: a superset of the columns that it reads.
        whole_rows: whether it may read columns without naming them (``*``, a row as a value, a natural join).
    """

    sql: str
    where: str
    tables: tuple[str, ...]
    parameters: frozenset[str]
    words: frozenset[str]
    whole_rows: bool


def check_query(sql: str, *, where: str, tables: Iterable[str], parameters: Iterable[str] = ("as_of",)) -> Query:
    """Parse ``sql`` and refuse whatever is not one SELECT over ``tables`` that gives the same answer every time.

    Raises:
        SandboxError: with the line, what was found and what is valid.
    """
    allowed = sorted(tables)
    tree = _parse(sql, where)
    walk = _Walk(sql, where, {name.lower(): name for name in allowed}, frozenset(parameters))
    walk.visit(tree)
    return Query(sql, where, tuple(sorted(walk.used)), frozenset(walk.parameters), frozenset(walk.words), walk.whole_rows)


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


def _parse(sql: str, where: str) -> Any:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        row = connection.execute("select json_serialize_sql($sql::varchar)", {"sql": sql}).fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed.get("error"):
        if parsed.get("error_type") == "not implemented":
            raise SandboxError("only a SELECT may stand here.", where=where, do="Write one query, without PIVOT, INSERT, SET or the like.")
        position = int(parsed.get("position") or 0)
        raise SandboxError(f"{parsed.get('error_message', 'it does not parse')}.", where=f"{where}, line {_line(sql, position)}")
    statements = parsed.get("statements", [])
    if len(statements) != 1:
        raise SandboxError(f"found {len(statements)} statements; exactly one SELECT may stand here.", where=where)
    return statements[0]["node"]


class _Walk:
    """Visits the syntax tree of a query, collects what it uses and refuses what it may not."""

    def __init__(self, sql: str, where: str, allowed: dict[str, str], parameters: frozenset[str]) -> None:
        self.sql, self.where, self.allowed, self.valid_parameters = sql, where, allowed, parameters
        self.used: set[str] = set()
        self.parameters: set[str] = set()
        self.words: set[str] = set()
        self.whole_rows = False
        self.aliases: set[str] = set()

    def visit(self, tree: Any) -> None:
        queries = _named_queries(tree)
        self.aliases = {node["alias"].lower() for node in _nodes(tree) if node.get("alias") and _is_source(node)} | queries
        self.aliases |= {node["table_name"].lower() for node in _nodes(tree) if node.get("type") == "BASE_TABLE"}
        for node in _nodes(tree):
            self._check(node, queries)
        self.words = {text.lower() for text in _texts(tree)}

    def _check(self, node: dict[str, Any], queries: set[str]) -> None:
        kind, cls = node.get("type"), node.get("class")
        if kind == "BASE_TABLE":
            self._table(node, queries)
        elif kind == "TABLE_FUNCTION":
            self._table_function(node)
        elif kind == "SHOW_REF":
            raise self._refused("DESCRIBE, SHOW and SUMMARIZE may not stand here.", node)
        elif kind == "JOIN" and node.get("ref_type") == "NATURAL":
            self.whole_rows = True
        elif cls in ("FUNCTION", "WINDOW"):
            self._function(node)
        elif cls == "COLUMN_REF":
            self._column(node)
        elif cls == "PARAMETER":
            self._parameter(node)
        elif cls == "STAR":
            self.whole_rows = True
        if node.get("sample"):
            raise self._refused("a sample gives other rows each time.", node, do="Filter by a hash of a key instead.")

    def _table(self, node: dict[str, Any], queries: set[str]) -> None:
        name = node["table_name"]
        if node.get("schema_name") or node.get("catalog_name"):
            raise self._refused(f"{name!r} is qualified with a schema; name a data set alone.", node, valid=self.allowed.values())
        if name.lower() in self.allowed:
            self.used.add(self.allowed[name.lower()])
        elif name.lower() not in queries:
            guess = nearest(name, self.allowed.values())
            do = f"Did you mean {guess!r}?" if guess else "Only data sets that the definition reads are there; files never are."
            raise self._refused(f"there is no table {name!r}.", node, valid=self.allowed.values(), do=do)

    def _table_function(self, node: dict[str, Any]) -> None:
        name = node["function"]["function_name"].lower()
        if name not in TABLE_FUNCTIONS:
            raise self._refused(
                f"{name}() may not be called.", node, valid=sorted(TABLE_FUNCTIONS), do="Declare files and databases as a data set."
            )

    def _function(self, node: dict[str, Any]) -> None:
        name = str(node.get("function_name", "")).lower()
        arguments = node.get("arguments") or node.get("children") or []
        if name in _changing_functions() or (name == "age" and len(arguments) == 1):
            raise self._refused(
                f"{name}() gives another answer each time.", node, do="For the time use $as_of; for chance use hash() of a key."
            )

    def _column(self, node: dict[str, Any]) -> None:
        names = [part.lower() for part in node["column_names"]]
        if len(names) == 1 and names[0] in CLOCK_WORDS:
            raise self._refused(f"{names[0]} gives another answer each time.", node, do="Use $as_of.")
        if names[-1] in self.aliases:
            self.whole_rows = True

    def _parameter(self, node: dict[str, Any]) -> None:
        name = node["identifier"]
        if name not in self.valid_parameters:
            raise self._refused(f"there is no parameter ${name}.", node, valid=[f"${valid}" for valid in sorted(self.valid_parameters)])
        self.parameters.add(name)

    def _refused(self, found: str, node: dict[str, Any], *, valid: Iterable[str] = (), do: str | None = None) -> SandboxError:
        position = node.get("query_location")
        known = isinstance(position, int) and position <= len(self.sql.encode())
        line = f", line {_line(self.sql, position)}" if known and isinstance(position, int) else ""
        return SandboxError(found, where=f"{self.where}{line}", valid=valid, do=do)


@cache
def _changing_functions() -> frozenset[str]:
    """Functions that read a clock, randomness, a setting or a state: what DuckDB itself marks so, and macros over them."""
    import duckdb

    with duckdb.connect(":memory:") as connection:
        rows = connection.execute(
            "select distinct lower(function_name) from duckdb_functions() where stability in ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
        ).fetchall()
    return (frozenset(name for (name,) in rows) | CLOCK_FUNCTIONS | RANDOM_FUNCTIONS) - HARMLESS


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))


def _texts(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        for value in node.values():
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))


def _is_source(node: dict[str, Any]) -> bool:
    return node.get("type") in ("BASE_TABLE", "SUBQUERY", "TABLE_FUNCTION", "JOIN", "EXPRESSION_LIST") and "class" not in node


def _named_queries(tree: Any) -> set[str]:
    return {
        entry["key"].lower() for node in _nodes(tree) if isinstance(node.get("cte_map"), dict) for entry in node["cte_map"].get("map", [])
    }


def _line(sql: str, position: int) -> int:
    return sql.encode()[:position].count(b"\n") + 1


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
