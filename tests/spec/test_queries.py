"""What can be told of a query without running it."""

from __future__ import annotations

import pytest

from mlops_assets.spec.checking.sql import mentions, output, statement_mistake, tables, unsteady


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from orders", ("orders",)),
        ("select * from orders o, customers c", ("orders", "customers")),
        ("select * from a join b on a.x = b.x left join c using (x)", ("a", "b", "c")),
        ("with a as (select * from orders) select * from a join b on true", ("orders", "b")),
        ("with a(x, y) as materialized (select 1), b as (select * from a) select * from b, c", ("c",)),
        ("select extract(year from t), trim(both ' ' from s) from orders", ("orders",)),
        ("select * from range(10), orders", ("orders",)),
        ("select * from (select * from inner_table) x, other", ("inner_table", "other")),
        ("select 1 where a is distinct from b", ()),
        ("-- from a comment\nselect 'from text' from \"Quoted\" /* from b */", ("Quoted",)),
    ],
)
def test_tables(sql: str, expected: tuple[str, ...]) -> None:
    assert tables(sql) == expected


@pytest.mark.parametrize(
    ("sql", "names", "complete"),
    [
        ("select a, t.b, count(*) as n, max(x) m from t", ("a", "b", "n", "m"), True),
        ("with q as (select z from t) select distinct a from q", ("a",), True),
        ("select a, count(*) from t", ("a",), False),
        ("select *, 1 as one from t", ("one",), False),
        ("select case when a then 1 end from t", (), False),
        ("select case when a then 1 end as c, x::double as d from t", ("c", "d"), True),
        ("select n: count(*) from t", ("n",), True),
        ('select "Mixed Case" from t', ("Mixed Case",), True),
        ("select a union all select b", ("a",), True),
        ("from t select a", (), False),
    ],
)
def test_output_columns(sql: str, names: tuple[str, ...], complete: bool) -> None:
    found = output(sql)
    assert (found.names, found.complete) == (names, complete)


def test_excluded_columns_are_not_mentioned() -> None:
    assert not {"a", "b"} & mentions("select * exclude (a, b) from t")
    assert "a" not in mentions("select * exclude a from t")
    assert "a" in mentions("select * exclude (b), A from t")


def test_clock_and_chance() -> None:
    assert unsteady("select now(), current_date, t.now, 'random()' from t") == ("now", "current_date")
    assert unsteady("select random_number, $as_of as now from t") == ()


@pytest.mark.parametrize("sql", ["", "delete from t", "select 1; select 2", "select (1"])
def test_what_is_not_one_query(sql: str) -> None:
    assert statement_mistake(sql)


@pytest.mark.parametrize("sql", ["select 1;", "with a as (select 1) select * from a", "from t"])
def test_what_is_one_query(sql: str) -> None:
    assert statement_mistake(sql) is None
