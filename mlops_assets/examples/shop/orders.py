"""Orders: one UTC day at a time, each from its own random stream."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from mlops_assets.examples.shop import competitor, season
from mlops_assets.examples.shop.roster import CHANNELS, DAY, EPOCH, UPGRADE_RATE, Shop, category, days_between, timestamps
from mlops_assets.examples.shop.streams import Floats, exponential, generator, normal, poisson

LATE = 0.02
"""Share of orders that reach the data warehouse late."""
LATE_DAYS = 3.0
"""Mean delay of a late one; the others take two hours on average."""
MAX_AMOUNT = 5000.0
_ID_ROOM = 10_000_000
_HOURS = np.concatenate([[0.0], np.cumsum(season.HOURS) / sum(season.HOURS)])

Columns = dict[str, np.ndarray]


def table(shop: Shop, start: datetime, end: datetime) -> pa.Table:
    """Orders with ``ordered_at`` in ``[start, end)``, by time."""
    days = [day(shop, which) for which in days_between(start, end)] or [_empty()]
    columns = {name: np.concatenate([part[name] for part in days]) for name in days[0]}
    low, high = _since_epoch(start), _since_epoch(end)
    inside = (columns["ordered_at"] >= low) & (columns["ordered_at"] < high)
    if not inside.all():
        columns = {name: values[inside] for name, values in columns.items()}
    return pa.table(
        {
            "order_id": pa.array(columns["order_id"]),
            "customer_id": pa.array(columns["customer_id"]),
            "ordered_at": timestamps(columns["ordered_at"]),
            "loaded_at": timestamps(columns["loaded_at"]),
            "amount": pa.array(columns["amount"]),
            "channel": category(columns["channel"], CHANNELS),
        }
    )


def day(shop: Shop, which: date) -> Columns:
    """All orders of one UTC day, by time; times in microseconds since the epoch.

    The day's total is Poisson with the sum of all customers' rates, and each order falls to a customer in proportion
    to the customer's: the superposition of their processes. A new customer's first order comes with the sign-up.
    """
    begin = (which - EPOCH).days * DAY
    known = shop.signed_up_before(begin + DAY)
    people = shop.people(known)
    rates = np.where(people.leaves > begin, people.rate, 0.0)
    rates[people.upgraded <= begin] *= UPGRADE_RATE
    if shop.shift_at is not None:
        rates *= competitor.rate((which - shop.shift_at).days, people.exposed, people.offset)
    cumulative = np.cumsum(rates)
    stream = generator(shop.seed, "orders", at=which.toordinal())
    expected = float(cumulative[-1]) * season.rate(which) if known else 0.0
    count = poisson(expected, stream)
    who = np.searchsorted(cumulative, stream.random(count) * (cumulative[-1] if known else 0.0), side="right")
    who = np.minimum(who, max(known - 1, 0))
    at = begin + np.floor(np.interp(stream.random(count), _HOURS, np.linspace(0, DAY, 25))).astype(np.int64)
    present = (at > people.signed_up[who]) & (at < people.leaves[who]) if count else np.empty(0, dtype=bool)
    newcomers = np.arange(shop.signed_up_before(begin), known)
    who = np.concatenate([who[present], newcomers]).astype(np.int64)
    at = np.concatenate([at[present], people.signed_up[newcomers]]).astype(np.int64)

    order = np.lexsort((who, at))
    who, at = who[order], at[order]
    u: Floats = stream.random((6, len(who)))
    amount = people.amount[who] * season.discount(which) * np.exp(0.5 * normal(u[0], u[1]))
    delay = np.where(u[2] < LATE, LATE_DAYS * DAY, DAY / 12) * exponential(u[3])
    return {
        "order_id": (which.toordinal() * _ID_ROOM + np.arange(len(who))).astype(np.int64),
        "customer_id": who + 1,
        "ordered_at": at,
        "loaded_at": at + 1 + np.floor(delay).astype(np.int64),
        "amount": np.round(np.clip(amount, 1.0, MAX_AMOUNT), 2),
        "channel": (u[4][:, None] > people.channels[who][:, :-1]).sum(axis=1).astype(np.int32),
    }


def _empty() -> Columns:
    whole = np.empty(0, dtype=np.int64)
    return dict.fromkeys(("order_id", "customer_id", "ordered_at", "loaded_at"), whole) | {
        "amount": np.empty(0),
        "channel": np.empty(0, dtype=np.int32),
    }


def _since_epoch(moment: datetime) -> int:
    return (moment.astimezone(UTC) - datetime(EPOCH.year, EPOCH.month, EPOCH.day, tzinfo=UTC)) // timedelta(microseconds=1)
