"""Times as ISO 8601 writes them, cell by cell."""

from __future__ import annotations

import re
from datetime import datetime

from mlops_assets.data.schema.cells import Misfit

FINER = "finer than a microsecond"
OUTSIDE = "outside the years 1 to 9999"

_DATE = (
    r"(?P<y>[0-9]{4})(?:(?P<sep>[-/. ])(?P<mo>[0-9]{1,2})(?P=sep)(?P<d>[0-9]{1,2})"
    r"|(?P<mo2>[0-9]{2})(?P<d2>[0-9]{2})|-(?P<mo3>[0-9]{2}))?"
)
_FRACTION = r"(?:\.(?P<f{0}>[0-9]*))?"
_TIME = (
    r"[Tt ](?:(?P<h>[0-9]{1,2})(?::(?P<mi>[0-9]{2})(?::(?P<s>[0-9]{2})"
    + _FRACTION.format("")
    + r")?)?|(?P<h2>[0-9]{2})(?P<mi2>[0-9]{2})(?:(?P<s2>[0-9]{2})"
    + _FRACTION.format("2")
    + r")?)"
)
_ZONE = r" ?(?P<z>[Zz]|(?P<sign>[+-])(?P<zh>[0-9]{1,2})(?::?(?P<zm>[0-9]{2}))?)"
_ISO = re.compile(f"{_DATE}(?:{_TIME}(?:{_ZONE})?)?")
_EPOCH = datetime(1970, 1, 1)
FIRST, LAST = ((moment - _EPOCH).days * 86_400_000_000 for moment in (datetime(1, 1, 1), datetime(9999, 12, 31)))
LAST += 86_400_000_000 - 1


def iso_moment(text: str, rule: str) -> tuple[int, bool]:
    """Microseconds since 1970 of a time, and whether it names a zone: then they count in UTC, else on the clock that it does not name.

    Args:
        text: year, month and day, with ``-``, ``/``, ``.``, a space or nothing between them (or ``2024-01``, or the year alone);
            then maybe a time of day and its zone.
        rule: what it breaks if it is no time.

    Raises:
        Misfit: when it is no time, has digits beyond the microsecond that are not 0, or lies outside the years 1 to 9999.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise Misfit(rule)
    year = int(found["y"])
    if year == 0:
        raise Misfit(f"{rule}: {OUTSIDE}")
    month, day, hour, minute, second = (
        int(found[name] or found[f"{name}2"] or found.groupdict().get(f"{name}3") or least) for name, least in _FIELDS
    )
    fraction = found["f"] or found["f2"] or ""
    if fraction[6:].strip("0"):
        raise Misfit(f"{rule}: {FINER}")
    offset = int(found["zh"] or 0) * 60 + int(found["zm"] or 0)
    if int(found["zh"] or 0) > 23 or int(found["zm"] or 0) > 59:
        raise Misfit(rule)
    try:
        moment = datetime(year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")))
    except ValueError:
        raise Misfit(rule) from None
    if found["z"] is None:
        return microseconds(moment), False
    count = microseconds(moment) - (-1 if found["sign"] == "-" else 1) * offset * 60_000_000
    if not FIRST <= count <= LAST:
        raise Misfit(f"{rule}: {OUTSIDE}")
    return count, True


_FIELDS = (("mo", 1), ("d", 1), ("h", 0), ("mi", 0), ("s", 0))


def microseconds(naive: datetime) -> int:
    """Microseconds since 1970 on the same clock."""
    passed = naive - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
