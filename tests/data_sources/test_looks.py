"""What an undeclared column of text looks like: measures and keys are told, categories and codes are not."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
import yaml

from mlops_assets.data.schema.looks import Looks, looks_like
from mlops_assets.spec import Column

CHANCE = random.Random(7)


def look(*texts: str | None) -> Looks | None:
    return looks_like(pa.array(texts, pa.string()))


@pytest.mark.parametrize(
    ("texts", "declared"),
    [
        (["1.5", "2.7", "n/a", "3.1"], {"type": "float64", "nullable": True, "missing": ["n/a"]}),
        (["1.5", "inf", "2.5", "-"], {"type": "float64", "nullable": True, "missing": ["-"]}),
        (["1.5", None, "inf", "-inf", "2"], {"type": "float64"}),
        (["1.234,56", "7,5", "12,1", "?"], {"type": "float64", "decimal": ",", "thousands": ".", "nullable": True, "missing": ["?"]}),
        (["7,5", "12,1", "3,25"], {"type": "float64", "decimal": ","}),
        (["1,234", "12,000", "7.5", "none"], {"type": "float64", "thousands": ",", "nullable": True, "missing": ["none"]}),
        ([*(str(age) for age in range(18, 90))] * 9 + ["?", "~"], {"type": "float64", "nullable": True, "missing": ["?", "~"]}),
        ([f"{n}.5" for n in range(400)] + ["no"] * 900, {"type": "float64", "nullable": True, "missing": ["no"]}),
        (
            ["31.12.2024", "01.02.2023", "unknown", "05.06.2024", "07.08.2024"],
            {"type": "datetime", "format": "%d.%m.%Y", "nullable": True, "missing": ["unknown"]},
        ),
        (["TRUE", "false"] * 200 + ["-"], {"type": "bool", "nullable": True, "missing": ["-"]}),
    ],
)
def test_a_measure_among_text_is_told_with_a_declaration_that_works(texts: list[str | None], declared: dict[str, object]) -> None:
    found = look(*texts)
    assert found is not None
    line = found.declaration("a column")
    assert line is not None
    assert yaml.safe_load(line) == {"a column": declared}
    Column.model_validate({key: value for key, value in declared.items() if key not in ("decimal", "thousands")})


@pytest.mark.parametrize("texts", [["€ 1,234", "€ 99", "€ 5.5"], ["12%", "7%", "3.5%", "n/a"], ["5 EUR", "7 EUR", "8.5 EUR"]])
def test_signs_beside_numbers_are_told_and_cannot_be_declared(texts: list[str]) -> None:
    found = look(*texts)
    assert found is not None
    assert (found.kind, found.declaration("x")) == ("numbers", None)


CODES = [f"{CHANCE.randrange(10_000):05d}" for _ in range(300)] * 4
PRODUCTS = [str(CHANCE.randrange(10_000, 99_999)) + CHANCE.choice(["", "", "A", "B"]) for _ in range(300)] * 5


@pytest.mark.parametrize(
    "texts",
    [
        CODES,
        PRODUCTS,
        ["1", "2", "3", "unknown"] * 50,
        ["1", "2", "3", "unknown"],
        ["yes", "no", "unknown"] * 40,
        ["1.0", "v2", "1.1"],
        ["1.0", "1.5", "2.0", "other"] * 30,
        ["2024-03-31", "2024-06-30", "n/a"] * 20,
        [f"{CHANCE.choice('ABC')}{CHANCE.randrange(300)}" for _ in range(2000)],
        [f"shop {n % 40}" for n in range(400)],
        ["18-25", "26-35", "36-45", "46+"] * 30,
        [],
        [None, None],
    ],
)
def test_categories_and_codes_are_sound(texts: list[str | None]) -> None:
    assert look(*texts) is None


def test_exceptions_have_their_lines() -> None:
    found = looks_like(pa.array(["1.5", "n/a", "2.5", "3.5", "-", "n/a", "?", "4.5", "7.5", "8.25", "9.1"]), lambda row: row + 2)
    assert found is not None
    assert (found.exceptions, found.rows) == (4, 11)
    assert found.sentence == "looks like numbers with 4 exceptions: line 3 `n/a`, line 6 `-`, line 7 `n/a`, …"
    assert look("1.5", "x", "2.5") is not None
    assert str(look("1.5", "x", "2.5").examples[0]) == "row 2 `x`"  # type: ignore[union-attr]


def test_many_different_exceptions_are_no_declaration() -> None:
    found = look(*[f"{n}.5" for n in range(200)], *(f"word{'x' * n}" for n in range(12)))
    assert found is not None
    assert (found.exceptions, found.declaration("x")) == (12, None)


def test_a_text_a_row_is_a_key_and_a_few_repeated_ones_are_not() -> None:
    found = look(*(f"customer-{n:x}" for n in range(500)))
    assert found is not None
    assert (found.kind, found.declaration("x")) == ("ids", None)
    assert look(*(f"customer-{n % 100:x}" for n in range(500))) is None


def test_false_alarms_and_misses_over_many_random_columns() -> None:
    chance, wrong = random.Random(20), 0
    for _ in range(200):
        rows = chance.randrange(100, 2000)
        zips = [f"{chance.randrange(1, 3000):05d}" for _ in range(rows)]
        small = [str(chance.randrange(1, 12)) for _ in range(rows)] + ["other"]
        letters = [chance.choice("abcdef") + str(chance.randrange(100)) for _ in range(rows)]
        wrong += sum((found := look(*column)) is not None and found.kind != "ids" for column in (zips, small, letters))
        holes = chance.choice(["n/a", "-", "?", "unknown"])
        share = chance.choice([0.001, 0.1, 0.6])
        measure = [holes if chance.random() < share else f"{chance.lognormvariate(3, 1):.2f}" for _ in range(rows)] + [holes]
        wrong += (found := look(*measure)) is None or found.kind != "numbers" or found.others != (holes,)
    assert wrong == 0
