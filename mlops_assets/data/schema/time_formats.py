"""Times in declared formats: text by strptime, and numbers that count from 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mlops_assets.data.schema.cells import Misfit
from mlops_assets.data.schema.iso_text import FINER, FIRST, LAST, OUTSIDE, microseconds
from mlops_assets.data.schema.numeric import to_decimal
from mlops_assets.data.schema.problems import Problems
from mlops_assets.spec.columns import EPOCHS

if TYPE_CHECKING:
    import pyarrow as pa

_DIRECTIVE = re.compile(r"%.")
_NAMED_ZONE = re.compile(r"\b(?:UTC|GMT)\b", re.IGNORECASE)


def formatted_moment(text: str, form: str) -> tuple[int, bool]:
    """A text in a strptime format, as :func:`~mlops_assets.data.schema.iso_text.iso_moment` gives it.

    ``%Z`` stands for UTC and GMT alone: which other names strptime knows depends on the machine.
    """
    rule = f"format {form}"
    pattern = form
    if "%Z" in _DIRECTIVE.findall(form):
        pattern = _DIRECTIVE.sub(lambda found: "%z" if found[0] == "%Z" else found[0], form)
        text, count = _NAMED_ZONE.subn("+0000", text)
        if count != 1:
            raise Misfit(rule)
    try:
        moment = datetime.strptime(text, pattern)
    except ValueError:
        raise Misfit(rule) from None
    if moment.tzinfo is None:
        return microseconds(moment), False
    try:
        return microseconds(moment.astimezone(UTC).replace(tzinfo=None)), True
    except OverflowError:
        raise Misfit(f"{rule}: {OUTSIDE}") from None


def counted_moments(values: pa.ChunkedArray, form: str, problems: Problems) -> pa.ChunkedArray:
    """Moments of numbers, or of text that says numbers, in one of :data:`~mlops_assets.spec.columns.EPOCHS`; exact to the microsecond."""
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = len(str(1_000_000 // EPOCHS[form])) - 1
    inner = Problems()
    counts = to_decimal(values, digits, None, inner)
    fraction = f"more than {digits} digits after the point"
    for rule, mask in inner.found:
        said = FINER if rule.endswith(fraction) else OUTSIDE if rule.endswith("38 digits") else ""
        problems.add(f"format {form}: {said}" if said else f"format {form}", pa.array(mask))
    scale = pa.scalar(10**digits, pa.decimal128(digits + 1, 0))
    low, high = (pa.scalar(bound, pa.decimal128(38, 0)).cast(pa.decimal128(38, 0)) for bound in (FIRST, LAST))
    whole = pc.multiply(counts.cast(pa.decimal256(60, digits)), scale).cast(pa.decimal256(60, 0))
    fits = pc.and_(pc.greater_equal(whole, low), pc.less_equal(whole, high))
    problems.add(f"format {form}: {OUTSIDE}", pc.invert(fits))
    return pc.if_else(fits, whole, None).cast(pa.int64()).cast(pa.timestamp("us", tz="UTC"))
