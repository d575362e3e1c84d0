"""Small streams of dated rows in a store, for tests of features and training sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from mlops_assets.data.store import Manifest, Store
from mlops_assets.spec import Dataset, FeatureView, Model

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")
ORDER_SCHEMA = pa.schema(
    [("order_id", pa.int64()), ("customer_id", pa.int64()), ("ordered_at", MOMENT), ("loaded_at", MOMENT), ("amount", pa.float64())]
)
RFM = """\
select customer_id,
       date_diff('day', max(ordered_at), $as_of) as recency_days,
       count(*) as frequency,
       sum(amount) as monetary,
       list_reduce(list(order_id order by order_id), lambda a, b: (a * 31 + b) % 1000003) as fingerprint
from orders
group by customer_id"""
CHURNED = "select customer_id, false as churned from orders group by customer_id"


def day(number: float) -> datetime:
    """The moment ``number`` days after the start of the calendar, which is day 0."""
    return START + timedelta(days=number)


def key(number: int) -> str:
    """Partition key of day ``number``."""
    return f"{day(number):%Y-%m-%d}"


def keys(first: int, last: int) -> list[str]:
    """Partition keys of the days ``first`` to ``last``, both included."""
    return [key(number) for number in range(first, last + 1)]


def orders(**changes: Any) -> Dataset:
    """Daily orders that are known from ``loaded_at`` on."""
    spec: dict[str, Any] = {
        "name": "orders",
        "source": {"csv": "orders.csv"},
        "partitions": {"every": "day", "start": date(2026, 1, 1)},
        "event_time": "ordered_at",
        "available_at": "loaded_at",
        "primary_key": ["order_id"],
    }
    return Dataset.model_validate({**spec, **changes})


def rfm(**changes: Any) -> FeatureView:
    """Recency, frequency, monetary value, and a fingerprint of which orders were seen, over three days."""
    spec: dict[str, Any] = {"name": "rfm", "entity": "customer_id", "from": ["orders"], "lookback": "3d", "sql": RFM}
    if "python" in changes:
        del spec["sql"]
    return FeatureView.model_validate({**spec, **changes})


def churn(training: Mapping[str, Any] | None = None, **changes: Any) -> Model:
    """Does a customer stay away for two days? Trained on seven days, of which two are held out."""
    spec: dict[str, Any] = {
        "name": "churn",
        "task": "binary_classification",
        "entity": "customer_id",
        "features": ["rfm.*"],
        "label": {"horizon": "2d", "sql": CHURNED, "default": True},
        "training": {"window": "7d", "holdout": "2d", **(training or {})},
    }
    return Model.model_validate({**spec, **changes})


def order(number: int, customer: int, ordered: float, loaded: float | None = None, amount: float = 10.0) -> dict[str, Any]:
    """One order; times are days since the start. ``loaded`` defaults to the time of the order."""
    return {
        "order_id": number,
        "customer_id": customer,
        "ordered_at": day(ordered),
        "loaded_at": day(ordered if loaded is None else loaded),
        "amount": amount,
    }


def put(store: Store, dataset: Dataset, rows: Iterable[Mapping[str, Any]], days: Sequence[str], schema: pa.Schema) -> list[Manifest]:
    """Store each row in the partition of its event time; every day of ``days`` gets a partition, if an empty one."""
    assert dataset.calendar is not None
    assert dataset.event_time is not None
    parts: dict[str, list[Mapping[str, Any]]] = {partition: [] for partition in days}
    for row in rows:
        parts.setdefault(dataset.calendar.key_of(row[dataset.event_time]), []).append(row)
    return [store.write(dataset.name, partition, pa.Table.from_pylist(part, schema)) for partition, part in parts.items()]


def put_orders(store: Store, rows: Iterable[Mapping[str, Any]], last: int) -> list[Manifest]:
    """Store orders; every day from 0 to ``last`` gets a partition."""
    return put(store, orders(), rows, keys(0, last), ORDER_SCHEMA)
