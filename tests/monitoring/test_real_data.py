"""Census rows: a random half has not drifted from the other, a part of the people has, and both are said of the right columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import csv

from mlops_assets.monitoring.columns import SCORE
from mlops_assets.monitoring.drift import measure_drift
from mlops_assets.monitoring.reference import Reference
from mlops_assets.spec.monitor import DriftRule
from tests.monitoring.cases import reference_of

NAMES = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
]
NUMBERS = {"age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"}
FEATURES = [(name, "int64" if name in NUMBERS else "category") for name in NAMES[:-1]]


@pytest.fixture(scope="module")
def census(shared_data: Path) -> pa.Table:
    types = {name: pa.int64() if name in NUMBERS else pa.string() for name in NAMES}
    clean = pa.BufferReader((shared_data / "adult.data").read_bytes().replace(b", ", b",").strip())
    convert = csv.ConvertOptions(column_types=types, null_values=["?"], strings_can_be_null=True)
    table = csv.read_csv(clean, csv.ReadOptions(column_names=NAMES), convert_options=convert)
    score = np.random.default_rng(1).beta(2, 5, table.num_rows)
    table = table.append_column(SCORE, pa.array(score))
    return table.take(pa.array(np.random.default_rng(2).permutation(table.num_rows)))


@pytest.fixture(scope="module")
def reference(census: pa.Table) -> Reference:
    return reference_of(census.slice(0, 16_000), FEATURES)


@pytest.mark.parametrize("n", [60, 1_000, 16_000])
def test_rows_of_the_same_census_have_not_drifted(census: pa.Table, reference: Reference, n: int) -> None:
    found = measure_drift(reference, census.slice(16_000, n), DriftRule(min_effect=0))
    assert found.drifted == []
    assert found.status == "pass"


def test_older_people_have(census: pa.Table, reference: Reference) -> None:
    rest = census.slice(16_000)
    found = measure_drift(reference, rest.filter(pc.greater(rest.column("age"), 50)), DriftRule())
    assert found.drifted[0] == "age"
    assert "relationship" in found.drifted
    assert "race" not in found.drifted


def test_people_of_one_country_are_shown_with_the_countries_that_vanished(census: pa.Table, reference: Reference) -> None:
    rest = census.slice(16_000)
    found = measure_drift(reference, rest.filter(pc.equal(rest.column("native_country"), "United-States")), DriftRule())
    column = next(column for column in found.columns if column.name == "native_country")
    assert column.status == "fail"
    assert "Mexico" in [value for value, _ in column.vanished]
