"""How numbers are written, which values mean missing, and bounds: each in the column's own type, exactly."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from mlops_assets.data.schema import validate
from mlops_assets.data.schema.conversion import convert
from mlops_assets.data.schema.problems import Problems
from mlops_assets.spec import Dataset
from mlops_assets.spec.columns import SourceColumn

BEYOND = 2**53 + 1


def read(cells: list[Any], kind: str, arrow: pa.DataType | None = None, zone: str = "UTC", **declared: Any) -> tuple[list[Any], list[str]]:
    column = SourceColumn(type=kind.split("(")[0], **declared)
    problems = Problems()
    stored = convert(pa.chunked_array([pa.array(cells, arrow)]), kind, column=column, timezone=zone, problems=problems)
    return stored.to_pylist(), [rule for rule, _ in problems.found]


def kept(cells: list[Any], arrow: pa.DataType | None = None, **declared: Any) -> tuple[list[Any], list[str]]:
    """Valid values of a column, and what the others break."""
    dataset = Dataset(name="t", source={"csv": "t.csv"}, columns={"v": declared})
    result = validate(
        dataset, pa.table({"v": pa.array(cells, arrow)}), {"v": f"decimal({declared['scale']})"} if "scale" in declared else None
    )
    return result.valid.column("v").to_pylist(), [one.rule for one in result.violations]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,56", 1234.56),
        ("-1.234.567", -1234567.0),
        ("1234,5", 1234.5),
        ("+0,5", 0.5),
        (",5", 0.5),
        ("1.234,5e2", 123450.0),
        ("-inf", float("-inf")),
        ("", None),
        ("NaN", None),
        ("1.23.4", "wrong"),
        ("1.2345", "wrong"),
        ("1234.567", "wrong"),
        ("12.34", "wrong"),
        ("1.234.56", "wrong"),
        (".123", "wrong"),
        ("1,234.5", "wrong"),
        ("1..234", "wrong"),
    ],
)
def test_decimal_and_thousands_marks_are_read_as_declared_and_wrong_groups_are_no_numbers(text: str, value: Any) -> None:
    stored, broken = read([text], "float64", decimal=",", thousands=".")
    assert (stored, broken) == (([None], ["type float64"]) if value == "wrong" else ([value], []))


def test_marks_hold_for_whole_numbers_and_decimals_too() -> None:
    assert read(["1 234", "12 34", "5"], "int64", thousands=" ") == ([1234, None, 5], ["type int64"])
    assert read(["9'007'199'254'740'993"], "int64", thousands="'") == ([9007199254740993], [])
    assert read(["1.234,50", "0,125"], "decimal(2)", decimal=",", thousands=".", scale=2) == (
        [Decimal("1234.50"), None],
        ["type decimal(2): more than 2 digits after the point"],
    )
    assert read(["1,5", "1.5"], "float64", decimal=",") == ([1.5, None], ["type float64"])


@pytest.mark.parametrize(
    ("cells", "arrow", "kind", "missing", "stored"),
    [
        ([1, 2], pa.int8(), "int64", [-999], [1, 2]),
        ([1, 200], pa.uint8(), "int64", [-1, 200], [1, None]),
        ([BEYOND, 2**53], pa.int64(), "int64", [BEYOND], [None, 2**53]),
        ([BEYOND, 2**53], pa.int64(), "int64", [2**53], [BEYOND, None]),
        ([str(BEYOND), str(2**53)], pa.string(), "int64", [BEYOND], [None, 2**53]),
        ([2**64 - 1, 5], pa.uint64(), "int64", [2**64 - 1], [None, 5]),
        ([2.0**53], pa.float64(), "float64", [BEYOND], [2.0**53]),
        ([-999, 7], pa.int32(), "int64", [-999.0], [None, 7]),
        ([7, 8], pa.int32(), "int64", [7.5], [7, 8]),
        ([-999.0, 0.5], pa.float64(), "float64", [-999], [None, 0.5]),
        ([-99.9, 0.5], pa.float32(), "float64", [-99.9], [None, 0.5]),
        (["?", "7"], pa.string(), "int64", ["?"], [None, 7]),
        (["-999.00", "7"], pa.string(), "float64", [-999], [None, 7.0]),
        ([Decimal("-1.00"), Decimal("2.50")], pa.decimal128(9, 2), "decimal(2)", [-1, 2.5], [None, None]),
        ([Decimal("0.10"), Decimal("0.11")], pa.decimal128(9, 2), "decimal(2)", ["0.10"], [None, Decimal("0.11")]),
        ([float("inf"), 1.0], pa.float64(), "float64", [float("inf")], [None, 1.0]),
        (["inf", "-Infinity", "1"], pa.string(), "float64", ["inf", "-inf"], [None, None, 1.0]),
        (["0", "no", "yes"], pa.string(), "bool", [0], [None, False, True]),
        ([9, 1, 0], pa.int64(), "bool", [9], [None, True, False]),
        ([True, False], pa.bool_(), "int64", [True], [1, 0]),
        ([1, 999], pa.int64(), "string", [999], ["1", None]),
        (["1", "999", "999.0"], pa.string(), "string", [999], ["1", None, "999.0"]),
        ([date(1900, 1, 1), date(2024, 1, 1)], pa.date32(), "date", ["1900-01-01"], [None, date(2024, 1, 1)]),
        ([datetime(1900, 1, 1)], pa.timestamp("ms"), "datetime", ["1900-01-01"], [None]),
        (["1900-01-01T00:00:00Z", "2024-01-01"], pa.string(), "datetime", ["1900-01-01"], [None, datetime(2024, 1, 1, tzinfo=UTC)]),
    ],
)
def test_a_sentinel_nulls_its_own_value_and_no_other(cells: list[Any], arrow: pa.DataType, kind: str, missing: Any, stored: Any) -> None:
    assert read(cells, kind, arrow, missing=missing) == (stored, [])


def test_a_sentinel_of_counted_times_is_a_count() -> None:
    found = [None, datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)]
    assert read([0, 5], "datetime", pa.int64(), format="epoch_ms", missing=[0]) == (found, [])


@pytest.mark.parametrize(
    ("declared", "cells", "arrow", "valid", "rules"),
    [
        ({"type": "int64", "le": 2**53}, [BEYOND, 2**53], pa.int64(), [2**53], ["le 9007199254740992"]),
        ({"type": "int64", "ge": BEYOND, "nullable": True}, [BEYOND, 2**53, None], pa.int64(), [BEYOND, None], ["ge 9007199254740993"]),
        ({"type": "int64", "lt": BEYOND}, [BEYOND, 2**53], pa.int64(), [2**53], ["lt 9007199254740993"]),
        ({"type": "int64", "gt": 0.5, "lt": 1.5}, [0, 1, 2], pa.int64(), [1], ["gt 0.5", "lt 1.5"]),
        ({"type": "int64", "le": 2**70}, [2**63 - 1], pa.int64(), [2**63 - 1], []),
        ({"type": "float64", "le": 2**53 + 3}, [2.0**53 + 2, 2.0**53 + 4], pa.float64(), [2.0**53 + 2], ["le 9007199254740995"]),
        ({"type": "float64", "le": 0.1}, [0.1, 0.2], pa.float64(), [0.1], ["le 0.1"]),
        ({"type": "float64", "le": 100_000}, [1.0, float("inf")], pa.float64(), [1.0], ["le 100000"]),
        ({"type": "float64", "finite": True}, [1.0, float("inf"), float("-inf")], pa.float64(), [1.0], ["finite"]),
        ({"type": "int64", "one_of": [2**53]}, [BEYOND, 2**53], pa.int64(), [2**53], ["one of 9007199254740992"]),
        ({"type": "float64", "one_of": [BEYOND, 1]}, [2.0**53, 1.0], pa.float64(), [1.0], ["one of 9007199254740993, 1"]),
        ({"type": "int64", "one_of": ["1", 2.0]}, [1, 2, 3], pa.int64(), [1, 2], ["one of 1, 2.0"]),
        ({"type": "int64", "le": 1_234_567}, [1_234_567, 1_234_568], pa.int64(), [1_234_567], ["le 1234567"]),
        ({"type": "int64", "le": 1_000_000}, [1_000_001, 1], pa.int64(), [1], ["le 1e+06"]),
        (
            {"type": "date", "one_of": ["2024-01-02"]},
            [date(2024, 1, 2), date(2024, 1, 3)],
            pa.date32(),
            [date(2024, 1, 2)],
            ["one of 2024-01-02"],
        ),
    ],
)
def test_bounds_and_vocabularies_are_compared_exactly_and_told_with_all_digits(
    declared: Any, cells: list[Any], arrow: pa.DataType, valid: list[Any], rules: list[str]
) -> None:
    assert kept(cells, arrow, **declared) == (valid, rules)


@pytest.mark.parametrize(
    ("declared", "valid"),
    [
        ({"le": "99999999999999999.98"}, ["99999999999999999.98", "0.10", "-5.00"]),
        ({"gt": 0.1}, ["99999999999999999.99", "99999999999999999.98"]),
        ({"ge": "0.10"}, ["99999999999999999.99", "99999999999999999.98", "0.10"]),
        ({"lt": 0}, ["-5.00"]),
        ({"one_of": [0.1, -5]}, ["0.10", "-5.00"]),
    ],
)
def test_decimals_are_compared_as_decimals(declared: Any, valid: list[str]) -> None:
    cells = [Decimal(text) for text in ("99999999999999999.99", "99999999999999999.98", "0.10", "-5.00")]
    found, _ = kept(cells, pa.decimal128(20, 2), type="decimal", scale=2, **declared)
    assert found == [Decimal(text) for text in valid]


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        (0, 0.0),
        (1e6, 1e6),
        ("0.1", 0.1),
        (2**53, 2.0**53),
        (BEYOND, BEYOND),
        ("99999999999999999.99", "99999999999999999.99"),
        (1e300, 1e300),
    ],
)
def test_a_bound_is_written_into_digests_as_a_float_where_that_says_the_same(bound: Any, said: Any) -> None:
    column = SourceColumn(type="float64", ge=bound)
    dumped = column.model_dump(mode="json")
    assert (dumped["ge"], type(dumped["ge"])) == (said, type(said))
    assert SourceColumn.model_validate(dumped) == column


@pytest.mark.parametrize("bound", ["much", float("nan"), float("inf"), [1]])
def test_what_is_no_finite_number_is_no_bound(bound: Any) -> None:
    with pytest.raises(ValidationError):
        SourceColumn(type="float64", ge=bound)


def test_finite_is_for_floats() -> None:
    with pytest.raises(ValidationError, match="finite is for floats"):
        SourceColumn(type="int64", finite=True)


@pytest.mark.parametrize(
    ("cells", "declared", "said"),
    [
        (pa.array([2**50], pa.timestamp("s")), {"type": "datetime"}, "1125899906842624"),
        (pa.array([2**62], pa.timestamp("ms", tz="Europe/Berlin")), {"type": "date"}, "4611686018427387904"),
        (pa.array([2**30], pa.int32()).cast(pa.date32()), {"type": "date"}, "1073741824"),
        (pa.array([2**63 - 1], pa.duration("s")), {"type": "int64"}, "9223372036854775807"),
        (pa.array([1_001], pa.timestamp("ns")), {"type": "datetime"}, "1970-01-01T00:00:00.000001001"),
        (pa.array(["12345678901234567891"]), {"type": "int64"}, "12345678901234567891"),
    ],
)
def test_what_no_value_of_python_can_be_is_still_told_and_kept_aside(cells: pa.Array, declared: Any, said: str) -> None:
    dataset = Dataset(name="t", source={"csv": "t.csv"}, columns={"v": declared})
    result = validate(dataset, pa.table({"v": cells}), None)
    assert result.violations[0].examples == (said,)
    assert result.invalid.column("v").to_pylist() == [said.replace("T", " ")]
