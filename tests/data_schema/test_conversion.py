"""Every stored cell is the source's, read by the one rule of its type, or a violation: against an oracle of the standard library."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.problems import Problems
from mlops_assets.spec.columns import SourceColumn
from tests.data_schema.oracle import WRONG, expected

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "America/Sao_Paulo", "America/Havana"]
KINDS = ["int64", "float64", "decimal(0)", "decimal(2)", "decimal(25)", "string", "category", "bool", "datetime", "date"]
PATTERNS = [None, "epoch_s", "epoch_ms", "epoch_us"]
INTEGERS = {"int8": (-(2**7), 2**7 - 1), "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1)}

NUMBERS = [
    *("0", "-0", "+5", "007", "1.0", "1.", ".5", "-.5", ".0", "1.50", "1e3", "1E-7", "1e400", "-1e400", "1e-400", "0e50", "1e23", "1e22"),
    *("9007199254740992", "9007199254740993", "9007199254740993.0", "9007199254740993.5", "-9007199254740993", "12345678901234567891"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "0.1", "0.30000000000000004"),
    *("inf", "-inf", "+inf", "Infinity", "-INFINITY", "nan", "NaN", "-nan", "++inf", "nan(1)", "0x1F", "0X1f", "1_000", "1,5", "n/a", "?"),
    *(
        "1" * 38,
        "1" * 39,
        "0." + "0" * 24 + "1",
        "0." + "0" * 25 + "1",
        "",
        "-",
        "+",
        ".",
        "e5",
        "1e",
        "٣",
        "١٢",
        " 1",
        "1 ",
        "--1",
        "TRUE",
        "no",
    ),
    "1." + "0" * 60,
    "99999999999999999999999999999999999999",
]
TIMES = [
    *("2024-01-02", "2024-01-02T03", "2024-01-02 03:04", "2024-01-02T03:04:05", "2024-01-02 00:00:00", "2024-01-02T00:00:00.000000"),
    *("2024-01-02 03:04:05.123456", "2024-01-02 03:04:05.1234567", "2024-01-02 03:04:05.123456000", "2024-01-02 03:04:05.000000001"),
    *("2024-01-02T03:04:05Z", "2024-01-02T03:04:05+01:30", "2024-01-02T03:04:05-0130", "2024-01-01T23:00:00Z", "2024-01-02T03:04:05+24:00"),
    *("2024-01-02T24:00:00", "2024-01-02T23:59:60", "2024-02-30", "2023-02-29", "2024-02-29", "2024-13-01", "0000-01-01", "0001-01-01"),
    *("9999-12-31", "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "9999-12-31 23:59:59.999999", "1500-06-01", "1900-01-01"),
    *("2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-03-10 02:30:00", "2024-11-03 01:30:00", "2018-11-04 00:00:00", "2018-11-04"),
    *(
        "2018-11-04T03:00:00Z",
        "2024-11-03T04:00:00Z",
        "2024-11-03T05:00:00Z",
        "2050-07-01 12:00:00",
        "2100-01-01 12:00",
        "2037-10-25 02:30:00",
    ),
    *("2024-01-02T10:00:00.5Z", "1969-12-31 23:59:59.999999", "1677-01-01", "2263-01-01 00:00:00", "2024-03-31T01:00:00Z"),
]
FLOATS = [
    0.0,
    -0.0,
    1.0,
    0.5,
    -2.5,
    0.1,
    1.005,
    42.0,
    1e15,
    1e16,
    2.0**53,
    2.0**53 + 2,
    2.0**63,
    -(2.0**63),
    1e300,
    5e-324,
    1e-7,
    123456.789,
]
FLOATS += [
    1e7,
    1e10,
    123456789012.0,
    999999999999999.0,
    -1e12,
    float("nan"),
    float("inf"),
    float("-inf"),
    1_700_000_000.5,
    1_700_000_000.123456,
    1_700_000_000.1234567,
    86_400.0,
    1e30,
]
DECIMALS = [
    "0",
    "1",
    "1.00",
    "-1.50",
    "0.01",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775808",
    "1700000000.12",
    "0.10",
    "42.5",
]
CELLS: dict[str, list[Any]] = {
    "text": NUMBERS + TIMES,
    **{name: sorted({low, low + 1, 0, 1, 42, 100, high - 1, high}) for name, (low, high) in INTEGERS.items()},
    "float64": FLOATS,
    "float32": [float(np.float32(x)) for x in FLOATS if not abs(x) > 1e38 or x in (float("inf"), float("-inf"))],
    "decimal 2": [Decimal(text) for text in DECIMALS],
    "decimal 25": [Decimal("0.0000000000000000000000001"), Decimal("1"), Decimal("0"), Decimal("1234567890123.5")],
    "bool": [True, False],
    "date": [0, 1, -1, 19_000, -719_162, -719_163, 2_932_896, 2_932_897, 2**30],
    "date64": [0, 86_400_000, 86_400_001, -86_400_000, -1, 2**52],
    **{
        f"{unit}{zoned}": sorted(
            {0, 86_400 * per, 86_400 * per * 19_000, 86_400 * per + 1, -1, 1_711_850_400 * per, 1_729_989_000 * per, high}
        )
        for unit, per, high in (("s", 1, 2**50), ("ms", 10**3, 2**60), ("us", 10**6, 2**62), ("ns", 10**9, 2**62))
        for zoned in ("", " zoned")
    },
}


def arrow_of(form: str, zone: str) -> pa.DataType:
    """The Arrow type in which cells of a form come."""
    name, _, rest = form.partition(" ")
    if name in ("s", "ms", "us", "ns"):
        return pa.timestamp(name, tz=zone if rest else None)
    if name == "decimal":
        return pa.decimal128(38, int(rest))
    return {"text": pa.string(), "bool": pa.bool_(), "date": pa.date32(), "date64": pa.date64()}.get(name) or getattr(pa, name)()


def column_of(form: str, cells: list[Any], zone: str) -> pa.Array:
    kind = arrow_of(form, zone)
    if pa.types.is_date64(kind):
        counts = pa.array(cells, pa.int64())
        return pa.Array.from_buffers(kind, len(counts), counts.buffers())
    return pa.array(cells, pa.int32()).cast(kind) if pa.types.is_date32(kind) else pa.array(cells, kind)


def read(values: pa.ChunkedArray, kind: str, zone: str, pattern: str | None) -> tuple[list[Any], dict[str, list[int]]]:
    """Stored values, and the rows of each rule that is broken."""
    column = None if pattern is None else SourceColumn(type=kind, format=pattern)
    problems = Problems()
    found = convert(values, kind, column=column, timezone=zone, problems=problems)
    return found.to_pylist(), {rule: np.flatnonzero(mask).tolist() for rule, mask in problems.found}


def is_same(stored: Any, wanted: Any, form: str) -> bool:
    if isinstance(stored, str) and isinstance(wanted, Fraction):
        return Fraction(stored) == wanted
    if isinstance(wanted, Fraction):
        return Fraction(stored) == wanted
    return bool(type(stored) is type(wanted) and stored == wanted)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", sorted(CELLS))
def test_every_cell_is_stored_as_it_is_or_said_to_be_wrong(form: str, kind: str) -> None:
    wrong = []
    if kind in ("string", "category") and form not in ("text", "bool", "date") and not form.startswith(("int", "uint", "float", "decimal")):
        pytest.skip("Arrow's own ISO text, which other tests read")
    patterns = PATTERNS if kind in ("datetime", "date") else [None]
    for zone in ZONES if kind in ("datetime", "date") else ZONES[:1]:
        for pattern in patterns:
            cells = CELLS[form]
            if kind in ("string", "category") and form == "date":
                cells = [cell for cell in cells if -719_162 <= cell <= 2_932_896]
            array = column_of(form, cells, zone)
            stored, broken = read(pa.chunked_array([array]), kind, zone, pattern)
            for row, cell in enumerate(cells):
                together = stored[row], any(row in rows for rows in broken.values())
                (alone,), said = read(pa.chunked_array([array[row : row + 1]]), kind, zone, pattern)
                wanted = expected(form, cell, kind.replace("category", "string"), zone, pattern)
                for value, violated in (together, (alone, bool(said))):
                    if not (violated and value is None if wanted is WRONG else not violated and is_same(value, wanted, form)):
                        wrong.append((zone, pattern, cell, "stored", value, "wanted", wanted))
    assert not wrong, wrong[:10]


def cells_of(form: str) -> st.SearchStrategy[Any]:
    known = st.sampled_from(CELLS[form])
    if form in INTEGERS:
        return known | st.integers(*INTEGERS[form])
    if form == "float64":
        return known | st.floats()
    if form == "text":
        digits = st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,8})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
        times = st.from_regex(
            r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?Z?)?", fullmatch=True
        )
        return known | digits.filter(str.isascii) | times.filter(str.isascii) | st.text(max_size=6)
    return known


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, list[Any], str, str, str | None, list[int]]:
    form, kind, zone = draw(st.sampled_from(sorted(CELLS))), draw(st.sampled_from(KINDS)), draw(st.sampled_from(ZONES))
    pattern = draw(st.sampled_from([*PATTERNS, "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"])) if kind in ("datetime", "date") else None
    cells = draw(st.lists(st.none() | cells_of(form), min_size=1, max_size=12))
    return form, cells, kind, zone, pattern, draw(st.lists(st.integers(0, len(cells)), max_size=3))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(columns())
def test_a_column_is_read_as_each_of_its_cells_is_alone_however_it_is_cut(case: tuple[Any, ...]) -> None:
    form, cells, kind, zone, pattern, cuts = case
    array = column_of(form, cells, zone)
    edges = [0, *sorted(cuts), len(cells)]
    whole = read(pa.chunked_array([array[a:b] for a, b in pairwise(edges)], array.type), kind, zone, pattern)
    alone = [read(pa.chunked_array([array[row : row + 1]]), kind, zone, pattern) for row in range(len(cells))]
    assert whole[0] == [values[0] for values, _ in alone]
    assert [str(value) for value in whole[0]] == [str(values[0]) for values, _ in alone]
    for rule in {rule for _, broken in alone for rule in broken} | set(whole[1]):
        assert whole[1].get(rule, []) == [row for row, (_, broken) in enumerate(alone) if rule in broken], rule


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(["5", "2.5", "+7", "1e2", "nan", "", "x", "9007199254740993", "inf", "0x1F"]), min_size=1, max_size=6))
def test_long_columns_that_are_read_in_parts_are_read_as_their_cells_are(few: list[str]) -> None:
    cells = [str(number) for number in range(3000)]
    for place, cell in enumerate(few):
        cells[(place * 811 + 5) % 3000] = cell
    for kind in ("int64", "float64", "decimal(2)"):
        stored, broken = read(pa.chunked_array([pa.array(cells)]), kind, "UTC", None)
        violated = {row for rows in broken.values() for row in rows}
        for row, cell in enumerate(cells):
            wanted = expected("text", cell, kind, "UTC")
            assert (row in violated) == (wanted is WRONG)
            assert stored[row] is None if wanted in (WRONG, None) else stored[row] == wanted
