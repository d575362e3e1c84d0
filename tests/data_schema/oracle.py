"""What a cell must become, by the standard library alone: fractions, datetime and zoneinfo. It shares no code with the product.

A cell is ``(form, value)``: ``text``; ``int8`` … ``uint64``, ``float32``, ``float64``, ``bool``; ``decimal S`` (a Decimal); ``date`` and
``date64`` (days, milliseconds); ``UNIT`` and ``UNIT zoned`` for timestamps (a count in s, ms, us or ns).
"""

from __future__ import annotations

import re
import struct
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

WRONG = "wrong"
"""A cell that must be a violation."""

_EPOCH = datetime(1970, 1, 1)
_US = timedelta(microseconds=1)
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCHS = {"epoch_s": 1, "epoch_ms": 10**3, "epoch_us": 10**6}
_LIMIT = 2**53


def expected(form: str, value: Any, kind: str, zone: str, pattern: str | None = None) -> Any:
    """The stored value, None for a missing one, or :data:`WRONG`."""
    if value is None:
        return None
    if kind == "string":
        return _text(form, value)
    if kind in ("datetime", "date"):
        return _time(form, value, kind, ZoneInfo(zone), pattern)
    if form.split()[0] in ("date", "date64", *_PER_SECOND):
        return WRONG
    number = _number(form, value, shortest=kind.startswith("decimal"))
    if kind == "bool" and form == "text":
        words = {"true": True, "t": True, "yes": True, "y": True, "1": True, "1.0": True}
        words |= {"false": False, "f": False, "no": False, "n": False, "0": False, "0.0": False, "": None}
        return words.get(value.lower(), WRONG)
    if number in (None, WRONG):
        return number
    infinite = isinstance(number, float)
    if kind == "bool":
        return {0: False, 1: True}.get(number, WRONG)
    if kind == "int64":
        if form == "text" and re.search("[eE]", value):
            return WRONG
        return WRONG if infinite or number.denominator != 1 or not -(2**63) <= number < 2**63 else int(number)
    if kind == "float64":
        return number if infinite else _float(form, value, number)
    scale = int(kind[8:-1])
    if infinite or (number * 10**scale).denominator != 1 or abs(number) * 10**scale >= 10**38:
        return WRONG
    return Decimal(int(number * 10**scale)).scaleb(-scale) if abs(number) * 10**scale < 10**28 else number


def _number(form: str, value: Any, *, shortest: bool) -> Any:
    """A fraction, an infinite float, None where it means missing, or WRONG."""
    if form == "text":
        lowered = value.lower()
        if re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", lowered, re.ASCII):
            mantissa, _, exponent = lowered.partition("e")
            return Fraction(mantissa.rstrip(".")) * Fraction(10) ** int(exponent or 0)
        if lowered.lstrip("+-") in ("inf", "infinity") and len(lowered) - len(lowered.lstrip("+-")) < 2:
            return float(lowered)
        return None if lowered in ("", "nan", "+nan", "-nan") else WRONG
    if form.startswith("float"):
        if value != value:
            return None
        if value in (float("inf"), float("-inf")):
            return value
        return Fraction(_shortest(form, value)) if shortest else Fraction(value)
    return Fraction(int(value) if form == "bool" else value)


def _shortest(form: str, value: float) -> str:
    if form == "float64":
        return repr(value)
    texts = (f"{value:.{digits}g}" for digits in range(1, 18))
    return next(text for text in texts if struct.unpack("f", struct.pack("f", float(text)))[0] == value)


def _float(form: str, value: Any, number: Fraction) -> Any:
    try:
        nearest = number.numerator / number.denominator
    except OverflowError:
        return WRONG
    rounded_by_rule = form == "text" and "e" in value.lower()
    whole = number.denominator == 1
    return WRONG if whole and not rounded_by_rule and Fraction(nearest) != number else nearest


def _text(form: str, value: Any) -> Any:
    if form == "text":
        return value
    if form == "bool":
        return "true" if value else "false"
    if form.startswith("float"):
        if value != value:
            return None
        if value in (float("inf"), float("-inf")):
            return str(value)
        return str(int(value)) if value == int(value) and abs(value) < _LIMIT else Fraction(_shortest(form, value))
    if isinstance(value, Decimal):
        return f"{value:.{form.split()[1]}f}"
    return (_EPOCH + timedelta(days=value)).date().isoformat() if form == "date" else str(value)


def _time(form: str, value: Any, kind: str, zone: ZoneInfo, pattern: str | None) -> Any:
    """Counts of microseconds as Python integers until the very end, so that nothing overflows on the way."""
    zoned = False
    if form.split()[0] in ("date", "date64", *_PER_SECOND):
        per_day = {"date": 1, "date64": 86_400_000}
        count = (
            Fraction(value * 86_400_000_000, per_day[form]) if form in per_day else Fraction(value * 10**6, _PER_SECOND[form.split()[0]])
        )
        zoned = form.endswith("zoned")
    elif pattern in _EPOCHS:
        number = WRONG if form == "bool" else _number(form, value, shortest=True)
        if not isinstance(number, Fraction):
            return WRONG if isinstance(number, float) else number
        count, zoned = number * 10**6 / _EPOCHS[pattern], True
    elif form == "text" and pattern is None:
        if value == "":
            return None
        read = _iso(value)
        if read is None:
            return WRONG
        count, zoned = read
    else:
        return WRONG
    if count.denominator != 1:
        return WRONG
    try:
        clock = _EPOCH + int(count) * _US
    except OverflowError:
        return WRONG
    try:
        if kind == "datetime":
            return clock.replace(tzinfo=UTC) if zoned else moment_of(clock, zone)
        local = clock.replace(tzinfo=UTC).astimezone(zone) if zoned else clock
    except OverflowError:
        return WRONG
    day = datetime(local.year, local.month, local.day)
    begins = local.replace(tzinfo=None) == day or (zoned and moment_of(day, zone) == clock.replace(tzinfo=UTC))
    return local.date() if begins else WRONG


def moment_of(clock: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a naive time: the first of two; the change itself where the clock skips it."""
    moment = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == clock:
        return moment
    before, after = moment - timedelta(days=1), moment + timedelta(days=1)
    if before.astimezone(zone).utcoffset() == after.astimezone(zone).utcoffset():
        raise AssertionError("two changes of a clock within two days")
    old = before.astimezone(zone).utcoffset()
    while after - before > _US:
        middle = before + (after - before) // 2
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == old else (before, middle)
    return after


def _iso(text: str) -> tuple[Fraction, bool] | None:
    found = re.fullmatch(
        r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|([+-])(\d\d):?(\d\d))?)?", text, re.ASCII
    )
    if found is None:
        return None
    try:
        clock = datetime(*(int(part or 0) for part in found.groups()[:6]))
    except ValueError:
        return None
    count = (clock - _EPOCH) // _US + Fraction(int((found[7] or "0").ljust(9, "0")), 1000)
    if found[8] is None:
        return Fraction(count), False
    hours, minutes = int(found[10] or 0), int(found[11] or 0)
    if hours > 23 or minutes > 59:
        return None
    return count - (-1 if found[9] == "-" else 1) * (hours * 60 + minutes) * 60_000_000, True


def day_of(days: int) -> date:
    """The day so many days after 1970-01-01."""
    return (_EPOCH + timedelta(days=days)).date()
