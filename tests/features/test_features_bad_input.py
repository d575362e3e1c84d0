from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_assets.data.features.computing import compute_features
from mlops_assets.data.features.query_rules import SandboxError
from mlops_assets.data.features.table import FeatureError
from mlops_assets.data.store import Store, open_store
from mlops_assets.spec import FeatureView
from mlops_assets.spec.catalogue import Catalogue
from tests.streams import key, keys, order, orders, put_orders, rfm


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "store"))
    put_orders(store, [order(1, 7, 0.5), order(2, 7, 0.6), order(3, 8, 1.5)], 3)
    return store


def compute(store: Store, view: FeatureView, *, day: int = 2, columns: dict[str, Any] | None = None, project: Path = Path()) -> Any:
    catalogue = Catalogue.of(orders(columns=columns or {}), view, project=project)
    (result,) = compute_features(view, catalogue, [key(day)], store)
    return result


def sql(text: str, **changes: Any) -> FeatureView:
    return rfm(sql=text, **changes)


def python(tmp_path: Path, body: str, **changes: Any) -> FeatureView:
    (tmp_path / "views.py").write_text(f"import pandas as pd\n\n\ndef make(tables, as_of):\n    {body}\n")
    return rfm(python=".views:make", **changes)


def test_two_rows_for_an_entity_name_it_and_are_counted(store: Store) -> None:
    with pytest.raises(FeatureError, match=r"rfm as of 2026-01-04 00:00 UTC: 1 feature row too many: customer_id=7 has more than one"):
        compute(store, sql("select customer_id, amount from orders"))


def test_a_personal_key_is_not_named(store: Store) -> None:
    columns = {"customer_id": {"type": "int64", "pii": True}}
    with pytest.raises(FeatureError) as error:
        compute(store, sql("select customer_id, amount from orders"), columns=columns)
    assert "7" not in str(error.value).replace("2026", "")
    assert "personal data, not shown" in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select null::bigint as customer_id, 1 as x", r"'customer_id' is missing in 1 of 1 rows"),
        ("select customer_id as customer, count(*) as n from orders group by 1", r"no entity column 'customer_id'.*'customer'"),
        ("select distinct customer_id from orders", "no feature"),
        ("select customer_id, list(amount) as amounts from orders group by 1", r"'amounts' has the type list.*Valid: int64"),
        ("select customer_id, interval 1 day as gap from orders group by 1", "'gap' has the type"),
        ("select customer_id, null as nothing from orders group by 1", r"'nothing' has no value.*Declare columns"),
        ("select customer_id, 1 as x, 2 as x from orders group by 1", "two columns are called 'x'"),
        ("select customer_id, 1 as __x from orders group by 1", "'__x' is reserved"),
    ],
)
def test_results_that_cannot_be_stored_are_explained(store: Store, text: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        compute(store, sql(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("select customer_id,\n  amout as m from orders", r"rfm\.sql, line 2: there is no column .amout.*Did you mean .amount"),
        ("select customer_id, (amount::varchar || 'x')::int as m from orders", "Could not convert"),
        ("select customer_id, random() as r from orders", r"random\(\) gives another answer"),
        ("select * from 'orders.csv'", "there is no table"),
    ],
)
def test_sql_that_fails_names_the_view_and_the_line(store: Store, text: str, message: str) -> None:
    with pytest.raises(SandboxError, match=message):
        compute(store, sql(text))


def test_personal_data_is_no_feature(store: Store) -> None:
    with pytest.raises(FeatureError, match="'amount' is personal data"):
        compute(
            store,
            sql("select customer_id, max(amount) as amount from orders group by 1"),
            columns={"amount": {"type": "float64", "pii": True}},
        )


def test_a_failed_partition_leaves_the_version_before_it(store: Store) -> None:
    good = compute(store, sql("select customer_id, count(*) as n from orders group by 1"))
    with pytest.raises(FeatureError):
        compute(store, sql("select customer_id, amount as n from orders"))
    assert store.current("rfm", key(2)).digest == good.manifest.digest


def test_declared_types_hold(store: Store) -> None:
    view = sql("select customer_id, count(*) as n from orders group by 1", columns={"n": {"type": "float64"}})
    assert dict(compute(store, view).manifest.schema)["n"] == "double"
    with pytest.raises(FeatureError, match="n is string, but must be int64, since it is declared so"):
        compute(store, sql("select customer_id, 'a' as n from orders group by 1", columns={"n": {"type": "int64"}}))
    with pytest.raises(FeatureError, match=r"declared column 'm' is not in the result"):
        compute(store, sql("select customer_id, 1 as n from orders group by 1", columns={"m": {"type": "int64"}}))
    with pytest.raises(FeatureError, match="n is missing in 2 of 2 rows"):
        compute(store, sql("select customer_id, null as n from orders group by 1", columns={"n": {"type": "int64"}}))


def test_python_features_see_visible_rows_and_the_as_of_time(store: Store, tmp_path: Path) -> None:
    body = (
        "return tables['orders'].groupby('customer_id').agg(n=('order_id', 'size'), since=('ordered_at', lambda t: (as_of - t.max()).days))"
    )
    result = compute(store, python(tmp_path, body), day=0, project=tmp_path)
    assert store.read(result.manifest).to_pylist() == [{"customer_id": 7, "n": 2, "since": 0}]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('nope')", r"rfm, function \.views:make: it raised KeyError as of 2026-01-04 00:00 UTC in views\.py:5: 'nope'"),
        ("return 7", "returned int.*Return a pandas DataFrame"),
        ("return pd.DataFrame({'customer': [1], 'x': [1]})", "no entity column 'customer_id'"),
        ("return pd.DataFrame({'customer_id': [1, 1], 'x': [1, 2]})", "customer_id=1 has more than one"),
        ("return pd.DataFrame({'customer_id': [1, None], 'x': [1, 2]})", "missing in 1 of 2"),
        ("return pd.DataFrame({'customer_id': [1], 'x': [[1]]})", "has the type list"),
        ("return pd.DataFrame({'customer_id': [1, 2], 'x': [1, 'a']})", "mixes types"),
    ],
)
def test_python_features_that_fail_are_explained(store: Store, tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(FeatureError, match=message):
        compute(store, python(tmp_path, body), project=tmp_path)


def test_a_type_is_pinned_by_the_first_partition(store: Store, tmp_path: Path) -> None:
    body = "return pd.DataFrame({'customer_id': [7], 'x': [1 if as_of.day == 2 else 'text' if as_of.day == 3 else 2.0]})"
    view = python(tmp_path, body)
    assert dict(compute(store, view, day=0, project=tmp_path).manifest.schema)["x"] == "int64"
    with pytest.raises(FeatureError, match="x is string, but must be int64, since its first partition has that type"):
        compute(store, view, day=1, project=tmp_path)
    assert dict(compute(store, view, day=2, project=tmp_path).manifest.schema)["x"] == "int64"


def test_a_column_more_or_less_is_refused(store: Store, tmp_path: Path) -> None:
    body = "return pd.DataFrame({'customer_id': [7], 'x': [1]} if as_of.day == 2 else {'customer_id': [7], 'y': [1]})"
    view = python(tmp_path, body)
    compute(store, view, day=0, project=tmp_path)
    with pytest.raises(FeatureError, match="must have the same columns"):
        compute(store, view, day=1, project=tmp_path)


def test_another_definition_may_have_other_columns(store: Store) -> None:
    compute(store, sql("select customer_id, 1 as x from orders group by 1"))
    assert "y" in dict(compute(store, sql("select customer_id, 'a' as y from orders group by 1")).manifest.schema)


def test_keys_outside_the_calendar_are_refused(store: Store) -> None:
    view = rfm()
    for wrong in (["2025-12-31"], [None]):
        with pytest.raises(FeatureError, match=r"2026-01-01"):
            list(compute_features(view, Catalogue.of(orders(), view), wrong, store))


def test_not_a_number_is_missing(store: Store) -> None:
    result = compute(store, sql("select customer_id, 'nan'::double as x from orders group by 1"))
    assert result.facts["missing"] == {"x": 2}


def test_a_small_memory_limit_still_computes(store: Store) -> None:
    view = rfm()
    computed = list(compute_features(view, Catalogue.of(orders(), view), keys(0, 2), store, memory_limit="64MB"))
    assert len(computed) == 3
