"""Decimals keep their digits in the store and in SQL; a feature is the nearest float."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from mlops_assets.data.features.computing import compute_features
from mlops_assets.data.features.table import FeatureError, conform
from mlops_assets.data.store import open_store
from mlops_assets.data.training_sets.examples_form import scored_rows
from mlops_assets.data.training_sets.training_set import build_training_set
from mlops_assets.spec import Dataset, FeatureView, Model
from mlops_assets.spec.catalogue import Catalogue
from tests.streams import MOMENT, day, key

PRICES = ["0.1", "0.2", "12345678901234567.89", "0.3"]


def prices() -> Dataset:
    spec: dict[str, Any] = {"name": "prices", "source": {"csv": "prices.csv"}, "event_time": "at"}
    return Dataset.model_validate({**spec, "partitions": {"every": "day", "start": date(2026, 1, 1)}})


def test_sums_of_decimals_are_exact_and_then_the_nearest_float(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    amounts = pa.array([Decimal(text) for text in PRICES], pa.decimal128(38, 2))
    table = pa.table({"id": pa.array([1, 1, 2, 1], pa.int64()), "at": pa.array([day(0.5)] * 4, MOMENT), "amount": amounts})
    store.write("prices", key(0), table)
    sql = "select id, sum(amount) as total, sum(amount) = 0.6 as same from prices group by id"
    view = FeatureView.model_validate({"name": "totals", "entity": "id", "from": ["prices"], "lookback": "1d", "sql": sql})
    (computed,) = compute_features(view, Catalogue.of(prices(), view), [key(0)], store)
    assert store.read(computed.manifest).to_pylist() == [
        {"id": 1, "total": 0.6, "same": True},
        {"id": 2, "total": 12345678901234567.89, "same": False},
    ]


def test_every_decimal_feature_is_the_float_that_its_text_is() -> None:
    texts = [f"{whole}.{cents:02}" for whole in (0, 7, 99, 123_456, 99_999_999) for cents in range(100)]
    table = pa.table({"id": pa.array(range(len(texts))), "x": pa.array([Decimal(text) for text in texts], pa.decimal128(38, 2))})
    assert conform(table, entity=["id"], where="", private=False).column("x").to_pylist() == [float(text) for text in texts]


def test_decimal_keys_stay_apart() -> None:
    whole = pa.array([Decimal(9007199254740993), Decimal(9007199254740992)], pa.decimal128(38, 0))
    found = conform(pa.table({"id": whole, "x": [1, 2]}), entity=["id"], where="", private=False)
    assert found.column("id").to_pylist() == [9007199254740992, 9007199254740993]
    parts = pa.array([Decimal("1.50"), Decimal("1.05")], pa.decimal128(38, 2))
    with pytest.raises(FeatureError, match="no whole numbers of 64 bit"):
        conform(pa.table({"id": parts, "x": [1, 2]}), entity=["id"], where="", private=False)
    with pytest.raises(FeatureError, match="no whole numbers of 64 bit"):
        conform(pa.table({"id": pa.array([Decimal(2**64)], pa.decimal128(38, 0)), "x": [1]}), entity=["id"], where="", private=False)


def test_a_feature_cannot_be_declared_a_decimal() -> None:
    with pytest.raises(ValidationError, match="total is a decimal, but a feature is a float64"):
        FeatureView.model_validate(
            {
                "name": "v",
                "entity": "id",
                "from": ["prices"],
                "lookback": "1d",
                "sql": "select 1",
                "columns": {"total": {"type": "decimal"}},
            }
        )


def test_examples_with_decimals_are_learned_and_scored_as_floats(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    for number in range(14):
        amounts = pa.array([Decimal(f"{number}.{n}1") for n in range(9)], pa.decimal128(38, 2))
        times = pa.array([day(number + n / 10) for n in range(9)], MOMENT)
        store.write("prices", key(number), pa.table({"at": times, "amount": amounts, "paid": amounts}))
    model = Model.model_validate(
        {
            "name": "paying",
            "task": "regression",
            "examples": {"from": "prices", "target": "paid", "label_delay": "1d"},
            "training": {"window": "8d", "holdout": "2d"},
        }
    )
    catalogue = Catalogue.of(prices(), model)
    built = build_training_set(model, catalogue, key(12), store)
    rows, _ = scored_rows(model, catalogue, key(12), store)
    assert {built.table.schema.field(name).type for name in ("amount", "__target")} == {pa.float64()}
    assert [(feature.name, feature.type) for feature in built.features] == [("amount", "float64")]
    assert rows.column("amount").to_pylist() == rows.column("__target").to_pylist() == [float(f"12.{n}1") for n in range(9)]
