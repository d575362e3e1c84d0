"""A small online shop that never was: its customers, their orders, and a competitor who enters at a known date.

Customers buy till they die (Schmittlein, Morrison and Colombo, "Counting Your Customers", Management Science 33,
1987: the Pareto/NBD model): while a customer stays, orders come as a Poisson process with a rate of the customer's
own, and an unseen lifetime ends it. Rates and hazards vary between customers as Gamma variables and with plan and
age. Seasons and campaigns modulate all rates (`season`); `competitor` documents what changes at the shift.

Everything is a function of the seed and of the customer or the day that it is about, so any day can be computed on
its own, and a range gives the same rows however it is split.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from mlops_assets.errors import MlopsError

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("orders", "customers")


def table(
    name: str,
    start: datetime,
    end: datetime,
    *,
    customers: int = 2000,
    seed: int = 7,
    shift_at: str | date | None = "2026-01-01",
) -> pa.Table:
    """Rows of one table of the shop for ``[start, end)``.

    Args:
        name: ``orders``: what was ordered in that time. ``customers``: the whole roster as it stood at the close of
            each UTC day that begins in that time, the day in the column ``day``.
        start: First instant, zoned.
        end: First instant after, zoned.
        customers: How many have signed up by the end of 2025. Half of them did before that year began; as many
            as signed up during 2025 follow in each later year.
        seed: Seed of the whole shop; both tables of a shop share it.
        shift_at: UTC date at which the competitor enters; None: never.

    Returns:
        orders: ``order_id, customer_id, ordered_at, loaded_at, amount, channel`` by ``ordered_at``;
        customers: ``day, customer_id, signed_up_at, plan, region, age_band, gender`` by day and customer.
        Times are UTC microseconds, amounts euros with cents.

    Raises:
        MlopsError: for a table that does not exist, times without a zone, fewer than 10 customers, a shift that is no date.
    """
    from mlops_assets.examples.shop import orders, roster

    if name not in TABLES:
        raise MlopsError(f"the simulated shop has no table {name!r}.", valid=TABLES)
    for moment in (start, end):
        if moment.tzinfo is None:
            raise MlopsError(f"{moment.isoformat()} has no time zone.", do="Give start and end in UTC.")
    if customers < 10:
        raise MlopsError(f"a shop with {customers} customers is too small.", do="Give it at least 10.")
    shop = roster.Shop(customers, seed, _date(shift_at))
    return orders.table(shop, start, end) if name == "orders" else roster.table(shop, start, end)


def _date(value: str | date | None) -> date | None:
    if value is None or isinstance(value, date):
        return value.date() if isinstance(value, datetime) else value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise MlopsError(f"shift_at is {value!r}, which is no date.", do="Write it like 2026-01-01, or null for none.") from None
