"""Customers: who they are, when they came, how often they buy, when they leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.examples.shop import competitor
from mlops_assets.examples.shop.streams import Floats, choice, exponential, gamma2, normal, uniform

EPOCH = date(2025, 1, 1)
DAY = 86_400_000_000
"""Microseconds in a day."""

PLANS = ("free", "plus", "premium")
REGIONS = ("north", "south", "east", "west")
AGE_BANDS = ("18-29", "30-44", "45-59", "60+")
GENDERS = ("female", "male")
CHANNELS = ("web", "app", "store")

ORDERS_A_DAY = 1 / 11
"""Mean order rate of a customer of the plan `plus` who stays."""
LIFETIME = 420.0
"""Mean days from signing up to leaving for `plus`, before heterogeneity."""
HISTORY = 730
"""Days before the epoch over which the first half of the customers signed up."""

_PLAN_RATE = np.array([0.75, 1.0, 1.45])
_PLAN_HAZARD = np.array([1.5, 0.9, 0.5])
_AGE_RATE = np.array([1.15, 1.05, 0.95, 0.85])
_AGE_HAZARD = np.array([1.4, 1.0, 0.9, 0.75])
_PLAN_AMOUNT = np.array([0.8, 1.0, 1.4])
_CHANNELS_BY_AGE = np.array([[0.35, 0.55, 0.10], [0.50, 0.35, 0.15], [0.55, 0.15, 0.30], [0.40, 0.05, 0.55]])
_UPGRADES = 0.25
UPGRADE_RATE = 1.2


@dataclass(frozen=True)
class Shop:
    """One simulated shop: its size, its seed, and when the competitor enters."""

    customers: int
    seed: int
    shift_at: date | None

    def signed_up_before(self, moment: int) -> int:
        """How many customers have signed up before ``moment``, in microseconds since the epoch."""
        upper = max(0, self._slot(moment) + 1)
        recent = _signed_up(self, max(0, upper - 2), upper)
        return upper - len(recent) + int(np.searchsorted(recent, moment, side="left"))

    def people(self, count: int) -> People:
        """The first ``count`` customers, in the order in which they signed up."""
        size = 1 << max(8, (max(count, 1) - 1).bit_length())
        return _people(self, size).first(count)

    @property
    def half(self) -> int:
        """How many customers signed up before the epoch."""
        return self.customers // 2

    def slot_start(self, index: NDArray[np.int64]) -> Floats:
        """Start of the customers' slots in microseconds since the epoch: sign-ups are evenly spaced, each within its slot."""
        before = (index - self.half) * (HISTORY * DAY / self.half)
        after = (index - self.half) * (365 * DAY / (self.customers - self.half))
        return np.where(index < self.half, before, after)

    def _slot(self, moment: int) -> int:
        if moment < 0:
            return int(np.floor(self.half + moment * self.half / (HISTORY * DAY)))
        return int(np.floor(self.half + moment * (self.customers - self.half) / (365 * DAY)))


@dataclass(frozen=True)
class People:
    """What is known, and what is hidden, about customers; arrays of one length, by customer id from 1.

    Times are microseconds since the epoch; rates are orders a day.
    """

    signed_up: NDArray[np.int64]
    plan: NDArray[np.int32]
    upgraded: NDArray[np.int64]
    region: NDArray[np.int32]
    age_band: NDArray[np.int32]
    gender: NDArray[np.int32]
    rate: Floats
    leaves: NDArray[np.int64]
    amount: Floats
    channels: Floats
    exposed: NDArray[np.bool_]
    offset: NDArray[np.int64]

    def first(self, count: int) -> People:
        """The ones who signed up first."""
        return People(**{name: values[:count] for name, values in vars(self).items()})

    def plan_at(self, moment: int) -> NDArray[np.int32]:
        """Each customer's plan at ``moment``."""
        return np.minimum(self.plan + (self.upgraded <= moment), len(PLANS) - 1).astype(np.int32)


def _signed_up(shop: Shop, first: int, last: int) -> NDArray[np.int64]:
    index = np.arange(first, last, dtype=np.int64)
    begin, end = shop.slot_start(index), shop.slot_start(index + 1)
    jitter = uniform(shop.seed, "signup", last)[first:]
    return np.floor(begin + jitter * (end - begin)).astype(np.int64)


@lru_cache(maxsize=4)
def _people(shop: Shop, count: int) -> People:
    def draw(purpose: str) -> Floats:
        return uniform(shop.seed, purpose, count)

    signed_up = _signed_up(shop, 0, count)
    plan = choice(draw("plan"), (0.5, 0.35, 0.15))
    age_band = choice(draw("age"), (0.25, 0.35, 0.25, 0.15))
    upgrade_after = np.where(draw("upgrade") < _UPGRADES, exponential(draw("upgr at")) * 180 * DAY, np.inf)
    rate = ORDERS_A_DAY * _PLAN_RATE[plan] * _AGE_RATE[age_band] * gamma2(draw("rate a"), draw("rate b"))
    hazard = _PLAN_HAZARD[plan] * _AGE_HAZARD[age_band] * gamma2(draw("hazard a"), draw("hazard b")) / (LIFETIME * DAY)
    exposed = draw("exposed") < np.array([competitor.EXPOSURE[band] for band in AGE_BANDS])[age_band]
    leaves = _leaves(shop, signed_up, hazard, exposed, exponential(draw("leaves")))
    never = np.iinfo(np.int64).max
    return People(
        signed_up=signed_up,
        plan=plan,
        upgraded=np.where(np.isfinite(upgrade_after), signed_up + np.nan_to_num(upgrade_after, posinf=0).astype(np.int64), never),
        region=choice(draw("region"), (0.3, 0.25, 0.25, 0.2)),
        age_band=age_band,
        gender=choice(draw("gender"), (0.5, 0.5)),
        rate=rate,
        leaves=leaves,
        amount=28 * _PLAN_AMOUNT[plan] * np.exp(0.45 * normal(draw("spend a"), draw("spend b"))),
        channels=np.cumsum(_CHANNELS_BY_AGE, axis=1)[age_band],
        exposed=exposed,
        offset=np.floor(draw("offset") * (competitor.HERE + competitor.AWAY)).astype(np.int64),
    )


def _leaves(shop: Shop, signed_up: NDArray[np.int64], hazard: Floats, exposed: NDArray[np.bool_], threshold: Floats) -> NDArray[np.int64]:
    """When the cumulative hazard of each customer reaches the threshold; it steps up at the competitor's entry."""
    leaves = signed_up + threshold / hazard
    if shop.shift_at is not None:
        shift = (shop.shift_at - EPOCH).days * DAY
        factor = np.where(exposed, competitor.HAZARD, 1.0)
        changed = np.maximum(signed_up, shift)
        leaves = np.where(leaves > shift, changed + (leaves - changed) / factor, leaves)
    return np.minimum(leaves, 2.0**62).astype(np.int64)


def table(shop: Shop, start: datetime, end: datetime) -> pa.Table:
    """The roster at the close of each UTC day that begins in ``[start, end)``, by day and customer."""
    days = [day for day in days_between(start, end) if start <= datetime(day.year, day.month, day.day, tzinfo=UTC) < end]
    closes = [((day - EPOCH).days + 1) * DAY for day in days]
    counts = [shop.signed_up_before(close) for close in closes]
    people = shop.people(max(counts, default=0))
    everyone = np.concatenate([np.arange(count) for count in counts]) if counts else np.empty(0, dtype=np.int64)
    plans = [people.first(count).plan_at(close) for count, close in zip(counts, closes, strict=True)]
    day_numbers = np.array([(day - date(1970, 1, 1)).days for day in days], dtype=np.int32)
    return pa.table(
        {
            "day": pa.array(np.repeat(day_numbers, counts)).cast(pa.date32()),
            "customer_id": pa.array(everyone.astype(np.int64) + 1),
            "signed_up_at": timestamps(people.signed_up[everyone]),
            "plan": category(np.concatenate(plans) if plans else np.empty(0, dtype=np.int32), PLANS),
            "region": category(people.region[everyone], REGIONS),
            "age_band": category(people.age_band[everyone], AGE_BANDS),
            "gender": category(people.gender[everyone], GENDERS),
        }
    )


def days_between(start: datetime, end: datetime) -> list[date]:
    """UTC days that ``[start, end)`` touches."""
    if end <= start:
        return []
    first = start.astimezone(UTC).date()
    last = (end.astimezone(UTC) - timedelta(microseconds=1)).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def timestamps(since_epoch: NDArray[np.int64]) -> pa.Array:
    """Microseconds since the epoch as Arrow timestamps in UTC."""
    offset = (EPOCH - date(1970, 1, 1)).days * DAY
    return pa.array(since_epoch + offset).cast(pa.timestamp("us", tz="UTC"))


def category(codes: NDArray[np.int32], names: tuple[str, ...]) -> pa.DictionaryArray:
    """Codes as an Arrow dictionary of ``names``."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names))
