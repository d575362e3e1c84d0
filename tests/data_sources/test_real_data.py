"""Real public files with their real traps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_assets.data.ingest import IngestError
from mlops_assets.data.ingest.tables import read_source
from mlops_assets.spec import Dataset

ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)


def test_adult_has_leading_spaces_and_question_marks(project, shared_data: Path) -> None:
    unknown = {"type": "category", "missing": ["?"], "nullable": True}
    adult = Dataset(
        name="adult",
        source={"csv": {"path": str(shared_data / "adult.data"), "header": False, "names": ADULT}},
        columns={
            "workclass": unknown,
            "occupation": unknown,
            "native_country": unknown,
            "income": {"type": "category", "one_of": ["<=50K", ">50K"]},
        },
    )
    (one,) = project.ingest(adult)
    table = project.store.read(one.manifest)
    assert one.rows == 32_561
    assert [table[name].null_count for name in ("workclass", "occupation", "native_country", "sex")] == [1836, 1843, 583, 0]
    assert set(table["sex"].to_pylist()) == {"Male", "Female"}
    assert str(table.schema.field("capital_gain").type) == "int64"


def test_bank_is_pinned_by_its_digest_and_comes_from_the_mirror(project, shared_data: Path) -> None:
    bank = Dataset(
        name="bank",
        source={
            "url": {
                "url": "https://example.invalid/bank-additional.zip",
                "sha256": "74adfc578bf77a7ff4bb1ba4a9f8709d9e3c6907342959c2c8416847e0afb4d8",
                "member": "bank-additional/bank-additional-full.csv",
                "csv": {"separator": ";"},
            }
        },
        columns={"y": {"type": "bool"}, "pdays": {"type": "int64", "missing": [999], "nullable": True}},
    )
    table = read_source(bank, None, replace(project.context, mirror=shared_data))
    assert table.num_rows == 41_188
    assert sum(table["y"].to_pylist()) == 4_640
    assert table["pdays"].null_count == 39_673
    assert str(table.schema.field("emp.var.rate").type) == "double"


def test_sms_messages_hold_quotes_that_quote_nothing(project, shared_data: Path) -> None:
    source = {"path": str(shared_data / "SMSSpamCollection"), "separator": "\t", "quote": None, "header": False, "names": ["label", "text"]}
    table = read_source(Dataset(name="sms", source={"csv": source}), None, project.context)
    assert table.num_rows == 5_574
    assert table["label"].to_pylist().count("spam") == 747


def test_online_retail_quarantines_cancelled_lines_by_day(project, shared_data: Path) -> None:
    retail = Dataset(
        name="retail",
        source={"parquet": str(shared_data / "online_retail.parquet")},
        partitions={"every": "month", "start": "2010-12-01", "timezone": "Europe/London"},
        event_time="InvoiceDate",
        columns={
            "Quantity": {"type": "int64", "gt": 0},
            "UnitPrice": {"type": "float64", "gt": 0},
            "CustomerID": {"type": "string", "nullable": True, "pii": True},
        },
        on_invalid="quarantine",
        max_invalid="5%",
    )
    months = retail.calendar.between("2010-12-01", "2011-12-01")
    results = project.ingest(retail, months)
    assert sum(one.rows + one.invalid_rows for one in results) == 541_909
    assert sum(violation.count for one in results for violation in one.violations if violation.column == "Quantity") == 10_624
    assert project.store.read(results[0].manifest)["CustomerID"][0].as_py() == "17850"
    with pytest.raises(IngestError, match="Quantity breaks 'gt 0'"):
        project.ingest(retail.model_copy(update={"on_invalid": "block"}), months[:1])


def test_telco_has_blank_charges(project, shared_data: Path) -> None:
    telco = Dataset(name="telco", source={"csv": str(shared_data / "Telco-Customer-Churn.csv")}, primary_key="customerID")
    (one,) = project.ingest(telco)
    table = project.store.read(one.manifest)
    assert (table["TotalCharges"].null_count, str(table["TotalCharges"].type)) == (11, "double")


def test_bike_hours_fall_into_731_days(project, shared_data: Path) -> None:
    bike = Dataset(
        name="bike",
        source={"csv": str(shared_data / "bike_hour.csv")},
        partitions={"every": "day", "start": "2011-01-01"},
        event_time="dteday",
    )
    results = project.ingest(bike, bike.calendar.between("2011-01-01", "2012-12-31"))
    assert (len(results), sum(one.rows for one in results)) == (731, 17_379)
