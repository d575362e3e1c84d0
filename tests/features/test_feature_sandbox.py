from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from mlops_assets.data.features.query_rules import SandboxError, check_query
from mlops_assets.data.features.sandbox import Sandbox

TABLES = ("orders", "customers")


def check(sql: str):
    return check_query(sql, where="rfm.sql", tables=TABLES)


@pytest.mark.parametrize(
    "expression",
    [
        "now()",
        "today()",
        "NOW()",
        "system.main.now()",
        "current_date",
        "CURRENT_TIMESTAMP",
        "current_time",
        "localtimestamp",
        "current_localtimestamp()",
        "get_current_time()",
        "transaction_timestamp()",
        "ago(interval 1 day)",
        "age(ordered_at)",
        "random()",
        "uuid()",
        "gen_random_uuid()",
        "uuidv7()",
        "setseed(0.5)",
        "nextval('s')",
        "getvariable('x')",
        "current_setting('threads')",
        "txid_current()",
        "sum(amount) filter (where random() < 0.5)",
        "row_number() over (order by random())",
        "(select max(now()) from customers)",
        "list_transform([1], x -> x + random())",
    ],
)
def test_a_clock_or_chance_is_refused_with_its_line(expression: str) -> None:
    with pytest.raises(SandboxError, match=r"rfm\.sql, line 2: .*gives another answer each time"):
        check(f"select customer_id,\n {expression} as x from orders")


@pytest.mark.parametrize("clause", ["using sample 5", "tablesample 5%"])
def test_a_sample_is_refused(clause: str) -> None:
    with pytest.raises(SandboxError, match="sample"):
        check(f"select * from orders {clause}")


@pytest.mark.parametrize(
    "source",
    [
        "'/etc/passwd'",
        "'data/*.parquet'",
        "read_csv('/etc/passwd')",
        "read_parquet('x')",
        "read_text('/etc/passwd')",
        "read_blob('x')",
        "glob('*')",
        "query('select now()')",
        "query_table('orders')",
        "duckdb_settings()",
        "information_schema.tables",
        "pg_catalog.pg_tables",
        "sqlite_scan('x', 'y')",
    ],
)
def test_files_catalogues_and_dynamic_sql_are_refused(source: str) -> None:
    with pytest.raises(SandboxError, match=r"rfm\.sql, line 1"):
        check(f"select * from {source}")


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "select 1; select 2",
        "insert into orders values (1)",
        "create table x as select 1",
        "copy orders to 'x.csv'",
        "attach 'x.db'",
        "set threads = 4",
        "pragma database_list",
        "describe orders",
        "summarize orders",
        "install httpfs",
        "selec customer_id from orders",
    ],
)
def test_anything_but_one_select_is_refused(sql: str) -> None:
    with pytest.raises(SandboxError, match=r"rfm\.sql"):
        check(sql)


def test_an_unknown_table_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SandboxError, match="Did you mean 'orders'"):
        check("select * from order_s")


def test_only_as_of_is_a_parameter() -> None:
    assert check("select $as_of from orders").parameters == {"as_of"}
    with pytest.raises(SandboxError, match=r"\$until.*Valid: \$as_of"):
        check("select $until from orders")


@pytest.mark.parametrize(
    "sql",
    [
        "with recent as (select * from orders) select customer_id, count(*) from recent group by 1",
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select i from n",
        "select customer_id from orders -- not now()",
        "select 'now()' as text, age(ordered_at, $as_of) from orders join customers using (customer_id)",
        "from orders select customer_id",
        "select sum(amount) over w from orders window w as (partition by customer_id order by ordered_at)",
        "(select 1 as a) union all (select 2)",
        "select u from orders, unnest([1, 2]) t(u), range(3)",
    ],
)
def test_ordinary_queries_pass(sql: str) -> None:
    check(sql)


def test_a_query_says_which_tables_and_columns_it_reads() -> None:
    query = check("select customer_id, max(ordered_at) from orders group by customer_id")
    assert query.tables == ("orders",)
    assert {"customer_id", "ordered_at"} <= query.words
    assert "amount" not in query.words
    assert not query.whole_rows


@pytest.mark.parametrize(
    "sql", ["select * from orders", "select o from orders o", "select orders from orders", "select columns('a') from orders"]
)
def test_a_query_that_reads_columns_without_naming_them_says_so(sql: str) -> None:
    assert check(sql).whole_rows


def test_files_stay_out_of_reach_even_behind_the_check(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with Sandbox() as box, pytest.raises(Exception, match="disabled"):
        box.table(f"select * from read_csv('{secret}')")


def test_settings_are_locked() -> None:
    with Sandbox() as box, pytest.raises(Exception, match="locked"):
        box.execute("set enable_external_access = true")


def test_moments_are_utc_whatever_the_machine_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    query = check_query("select date_trunc('day', $as_of) as day, $as_of::timestamp as naive", where="x", tables=())
    with Sandbox() as box:
        row = box.run(query, {"as_of": datetime(2026, 1, 1, 20, tzinfo=UTC)}).to_pylist()[0]
    assert row["day"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert row["naive"] == datetime(2026, 1, 1, 20)


def test_a_failing_query_names_its_line_and_hides_personal_values() -> None:
    query = check_query("select customer_id,\n  note::int as n\nfrom orders", where="rfm.sql", tables=["orders"])
    with Sandbox() as box:
        box.register("orders", pa.table({"customer_id": [1], "note": ["bob@example.org"]}))
        with pytest.raises(SandboxError, match=r"rfm\.sql, line 2: .*bob@example\.org"):
            box.run(query, {})
        with pytest.raises(SandboxError) as hidden:
            box.run(query, {}, private=True)
    assert "bob" not in str(hidden.value)


def test_an_unknown_column_is_named_with_its_line() -> None:
    query = check_query("select customer_id,\n  amout\nfrom orders", where="rfm.sql", tables=["orders"])
    with Sandbox() as box:
        box.register("orders", pa.table({"customer_id": [1], "amount": [1.0]}))
        with pytest.raises(SandboxError, match=r'line 2: .*"amout".*"amount"'):
            box.run(query, {"as_of": datetime(2026, 1, 1, tzinfo=UTC)})


def test_more_data_than_memory_spills_to_the_folder(tmp_path: Path) -> None:
    with Sandbox(memory_limit="60MB", folder=str(tmp_path)) as box:
        box.execute("create table big as select range as a, range * 2 as b, range * 3 as c from range(6000000)")
        assert box.table("select sum(a) as s from big").to_pylist() == [{"s": 6_000_000 * 5_999_999 // 2}]
        assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) > 20_000_000
    assert not list(tmp_path.iterdir())


def test_a_wrong_memory_limit_is_explained() -> None:
    with pytest.raises(SandboxError, match="512MB"):
        Sandbox(memory_limit="plenty")
