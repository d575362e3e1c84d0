"""The shipped definitions: valid, and true to the data that they name."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.functions import resolve
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.reading.loading import load_catalogue
from mlops_assets.spec.windows import model_problems, view_problems

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    project = tmp_path_factory.mktemp("project")
    for name in ("shop", "bank_marketing", "income"):
        shutil.copytree(REPOSITORY / "definitions" / name, project / "definitions" / name)
    found, problems = load_catalogue(project)
    assert problems == []
    return found


@pytest.fixture(scope="module")
def bank(shared_data: Path, catalogue: Catalogue) -> Any:
    """The publisher's file with the dates that the definition gives it."""
    import pandas as pd

    frame = pd.read_csv(shared_data / "bank-additional-full.csv", sep=";")
    prepare = catalogue.datasets["bank_contacts"].prepare
    assert prepare is not None
    return frame, resolve(prepare, catalogue.folder("bank_contacts"))(frame)


def test_the_examples_declare_these_models_and_every_duration_fits_its_calendar(catalogue: Catalogue) -> None:
    assert sorted(catalogue.models) == ["bank_marketing", "churn", "customer_value", "income"]
    assert [p for model in catalogue.models.values() for p in model_problems(model, catalogue)] == []
    assert [p for view in catalogue.views.values() for p in view_problems(view, catalogue)] == []


def test_both_tables_of_the_shop_are_of_one_shop_and_both_models_share_its_views(catalogue: Catalogue) -> None:
    orders, customers = (catalogue.datasets[name].source.simulator for name in ("orders", "customers"))
    assert orders is not None
    assert customers is not None
    assert orders.model_dump(exclude={"table"}) == customers.model_dump(exclude={"table"})
    assert catalogue.models["churn"].features == catalogue.models["customer_value"].features


def test_the_shops_columns_are_declared_as_the_simulator_gives_them(catalogue: Catalogue) -> None:
    from datetime import UTC, datetime

    from mlops_assets.examples.shop import table

    for name in ("orders", "customers"):
        declared = catalogue.datasets[name].columns
        rows = table(name, datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 7, 8, tzinfo=UTC), customers=500)
        assert list(declared) == rows.schema.names
        for column, rule in declared.items():
            if rule.one_of:
                assert set(rows[column].combine_chunks().dictionary.to_pylist()) == set(rule.one_of)


def test_the_months_of_the_bank_are_the_26_of_the_publisher(bank: Any) -> None:
    raw, dated = bank
    import pandas as pd

    day = pd.to_datetime(dated["contacted_on"])
    month = day.dt.strftime("%Y-%m")
    sizes = month.value_counts()
    assert len(sizes) == 26
    assert (month.min(), month.max()) == ("2008-05", "2010-11")
    assert (sizes["2008-05"], sizes["2008-12"]) == (7763, 10)
    assert day.is_monotonic_increasing
    assert (day.dt.strftime("%b").str.lower() == raw["month"]).all()
    assert (day.dt.strftime("%a").str.lower() == raw["day_of_week"]).all()
    assert "month" not in dated


def test_rows_of_the_bank_that_are_not_in_order_are_refused(catalogue: Catalogue) -> None:
    import pandas as pd

    prepare = resolve(str(catalogue.datasets["bank_contacts"].prepare), catalogue.folder("bank_contacts"))
    shuffled = pd.DataFrame({"month": ["may"] * 12, "day_of_week": ["fri", "thu"] * 6})
    with pytest.raises(ValueError, match="not in order"):
        prepare(shuffled)


def test_what_ends_with_the_call_is_known_only_after_it(catalogue: Catalogue) -> None:
    examples = catalogue.models["bank_marketing"].examples
    assert catalogue.datasets["bank_contacts"].columns["duration"].known == "after"
    assert examples is not None
    assert "duration" in examples.exclude


def test_the_pinned_digests_are_those_of_the_publishers_files(catalogue: Catalogue, shared_data: Path) -> None:
    import hashlib

    for name, file in (("bank_contacts", "bank-additional-full.csv"), ("census", "adult.data")):
        source = catalogue.datasets[name].source.url
        assert source is not None
        assert hashlib.sha256((shared_data / file).read_bytes()).hexdigest() == source.sha256


def test_the_census_columns_are_named_in_the_order_of_the_file(catalogue: Catalogue, shared_data: Path) -> None:
    census = catalogue.datasets["census"]
    assert census.source.url is not None
    assert census.source.url.csv.names is not None
    with (shared_data / "adult.data").open() as file:
        row = dict(zip(census.source.url.csv.names, (value.strip() for value in next(csv.reader(file))), strict=True))
    assert (row["age"], row["sex"], row["race"], row["income"]) == ("39", "Male", "White", "<=50K")
    assert set(census.columns) == set(row)


def test_who_a_person_is_does_not_decide_about_income(catalogue: Catalogue) -> None:
    model = catalogue.models["income"]
    assert model.examples is not None
    assert {"sex", "race"} <= set(model.examples.exclude)
    assert {gate.attribute for gate in model.gates if gate.kind == "fairness"} == {"sex", "race"}
