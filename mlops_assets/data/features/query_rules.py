"""Queries that people write in definitions: each is one SELECT that gives the same answer every time, or is refused.

Such a query reads the tables that it is given and ``$as_of``, and nothing else: no files, no network, no clock, no randomness,
no settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mlops_assets.errors import MlopsError, nearest

CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
CLOCK_FUNCTIONS = CLOCK_WORDS | {"current_localtime", "current_localtimestamp", "ago", "pg_postmaster_start_time", "pg_conf_load_time"}
RANDOM_FUNCTIONS = frozenset({"reservoir_quantile"})
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "repeat", "json_each", "json_tree"})
HARMLESS = frozenset({"error"})


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
