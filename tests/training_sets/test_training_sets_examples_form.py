from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mlops_assets.data.features.visible import MissingPartitionsError
from mlops_assets.data.store import Store, open_store
from mlops_assets.data.training_sets.training_set import TrainingSet, TrainingSetError, build_training_set
from mlops_assets.spec import Dataset, Model
from mlops_assets.spec.catalogue import Catalogue
from tests.streams import MOMENT, day, key, keys

COLUMNS: dict[str, Any] = {
    "call_id": {"type": "int64"},
    "at": {"type": "datetime"},
    "age": {"type": "int64"},
    "job": {"type": "category"},
    "phone": {"type": "string", "pii": True},
    "duration": {"type": "float64", "known": "after"},
    "signed": {"type": "bool", "nullable": True},
}


def calls(**changes: Any) -> Dataset:
    spec: dict[str, Any] = {
        "name": "calls",
        "source": {"csv": "calls.csv"},
        "partitions": {"every": "day", "start": date(2026, 1, 1)},
        "event_time": "at",
        "primary_key": ["call_id"],
        "columns": COLUMNS,
    }
    return Dataset.model_validate({**spec, **changes})


def signing(training: dict[str, Any] | None = None, examples: dict[str, Any] | None = None, **changes: Any) -> Model:
    spec: dict[str, Any] = {
        "name": "signing",
        "task": "binary_classification",
        "examples": {"from": "calls", "target": "signed", "label_delay": "2d", **(examples or {})},
        "training": {"window": "8d", "holdout": "2d", **(training or {})},
    }
    return Model.model_validate({**spec, **changes})


def table(first: int, count: int, number: int = 0) -> pa.Table:
    ids = [number * 100 + n for n in range(count)]
    return pa.table(
        {
            "call_id": pa.array(ids, pa.int64()),
            "at": pa.array([day(first + (count - n) / (count + 1)) for n in range(count)], MOMENT),
            "age": pa.array([20 + n % 97 for n in ids], pa.int64()),
            "job": pa.array(["clerk" if n % 3 else "smith" for n in ids]),
            "phone": pa.array([f"+49{n}" for n in ids]),
            "duration": pa.array([float(n) for n in ids]),
            "signed": pa.array([n % 4 == 0 for n in ids]),
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "store"))
    for number in range(14):
        store.write("calls", key(number), table(number, 10, number))
    return store


def build(store: Store, model: Model, at: str | None = key(12), dataset: Dataset | None = None, **options: Any) -> TrainingSet:
    return build_training_set(model, Catalogue.of(dataset or calls(), model), at, store, **options)


def test_features_are_what_is_left_when_keys_times_personal_and_later_columns_are_out(store: Store) -> None:
    found = build(store, signing())
    assert [(f.name, f.type) for f in found.features] == [("age", "int64"), ("job", "category")]
    assert found.entity == ("call_id",)
    assert set(found.table.column_names) == {"call_id", "age", "job", "__as_of", "__label_end", "__split", "__target"}


def test_a_row_is_as_of_its_event_time_and_known_after_the_delay(store: Store) -> None:
    found = build(store, signing())
    row = found.table.to_pylist()[0]
    assert row["__as_of"] == day(3 + 1 / 11)
    assert row["__label_end"] == day(5 + 1 / 11)
    assert found.facts["as_of"]["train"] == keys(3, 6)
    assert found.facts["as_of"]["holdout"] == keys(9, 10)
    assert found.facts["rows"] == {"train": 40, "holdout": 20, "embargoed": 20}
    train, held = found.split("train"), found.split("holdout")
    assert max(train.column("__label_end").to_pylist()) <= min(held.column("__as_of").to_pylist())


def test_rows_are_in_order_of_time(store: Store) -> None:
    times = build(store, signing()).table.column("__as_of").to_pylist()
    assert times == sorted(times)


def test_exclude_include_group_by_and_slices_choose_columns(store: Store) -> None:
    assert [f.name for f in build(store, signing(examples={"exclude": ["job"]})).features] == ["age"]
    assert [f.name for f in build(store, signing(examples={"include": ["job"]})).features] == ["job"]
    gate = {"metric": "roc_auc", "slice": "job", "at_least": 0.1}
    grouped = build(store, signing({"group_by": "age"}, {"exclude": []}, gates=[gate]))
    assert [f.name for f in grouped.features] == ["job"]
    assert grouped.carried == ("age",)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ({"include": ["duration"]}, "'duration' is known only after the fact"),
        ({"include": ["phone"]}, "'phone' is personal data"),
        ({"include": ["signed"]}, "'signed' is the target"),
        ({"target": "sined"}, "Did you mean 'signed'"),
        ({"exclude": ["jobs"]}, "Did you mean 'job'"),
        ({"exclude": ["age", "job"]}, "no column is left"),
    ],
)
def test_columns_that_cannot_be_used_are_explained(store: Store, examples: dict[str, Any], message: str) -> None:
    with pytest.raises(TrainingSetError, match=message):
        build(store, signing(examples=examples))


def test_missing_and_empty_partitions_differ(store: Store) -> None:
    with pytest.raises(MissingPartitionsError, match=r"2 of 8 partitions of calls.*2026-01-15, 2026-01-16"):
        build(store, signing(), at=key(17))
    store.write("calls", key(14), table(14, 0))
    store.write("calls", key(15), table(15, 3, 15))
    assert build(store, signing(), at=key(17)).facts["rows"]["holdout"] == 3


def test_an_empty_side_of_the_split_is_explained(store: Store) -> None:
    for number in (14, 15):
        store.write("calls", key(number), table(number, 0))
    with pytest.raises(TrainingSetError, match="the holdout side of the split has no rows"):
        build(store, signing(), at=key(17))


def test_missing_targets_are_left_out_and_counted(store: Store) -> None:
    rows = table(10, 10, 10)
    index = rows.column_names.index("signed")
    store.write("calls", key(10), rows.set_column(index, "signed", pa.array([None] * 4 + [True] * 6)))
    found = build(store, signing())
    assert found.facts["dropped"] == {"null label": 4}
    assert found.facts["rows"]["holdout"] == 16


def test_a_monthly_delay_is_a_calendar_month(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "monthly"))
    dataset = calls(partitions={"every": "month", "start": date(2026, 1, 1)})
    for month, first in (("2026-01-01", 0), ("2026-02-01", 31), ("2026-03-01", 59), ("2026-04-01", 90), ("2026-05-01", 120)):
        store.write("calls", month, table(first + 27, 10, first))
    model = signing({"window": "4 months", "holdout": "1 month"}, {"label_delay": "1 month"})
    found = build(store, model, at="2026-05-01", dataset=dataset)
    assert found.facts["as_of"]["holdout"] == ["2026-04-01"]
    assert found.facts["as_of"]["train"] == ["2026-01-01", "2026-02-01"]
    rows = found.split("train").to_pylist()
    assert all(row["__label_end"].month == row["__as_of"].month + 1 for row in rows)


STATIC = calls(partitions=None, event_time=None)


def undated(tmp_path: Path, count: int = 400) -> Store:
    store = open_store(str(tmp_path / "undated"))
    store.write("calls", None, table(0, count))
    return store


def test_undated_rows_are_split_at_random_by_seed_and_stratified(tmp_path: Path) -> None:
    store, model = undated(tmp_path), signing({"holdout": "20%", "window": "expanding"}, {"label_delay": None})
    found = build(store, model, at=None, dataset=STATIC)
    assert found.facts["rows"] == {"train": 320, "holdout": 80, "embargoed": 0}
    assert found.facts["base_rate"] == {"train": 0.25, "holdout": 0.25}
    assert found.table.column("__as_of").null_count == 400
    again = build(store, model, at=None, dataset=STATIC)
    other = build(store, signing({"holdout": "20%", "seed": 8, "window": "expanding"}, {"label_delay": None}), at=None, dataset=STATIC)
    assert again.manifest.digest == found.manifest.digest
    assert other.split("holdout").column("call_id") != found.split("holdout").column("call_id")


def test_undated_groups_stay_on_one_side(tmp_path: Path) -> None:
    model = signing({"holdout": "20%", "group_by": "age", "window": "expanding"}, {"label_delay": None})
    found = build(undated(tmp_path), model, at=None, dataset=STATIC)
    train, held = (set(found.split(side).column("age").to_pylist()) for side in ("train", "holdout"))
    assert train
    assert held
    assert not train & held


def test_equal_rows_without_a_key_stay_on_one_side(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "doubles"))
    rows = table(0, 60)
    store.write("calls", None, pa.concat_tables([rows, rows]))
    model = signing({"holdout": "30%", "window": "expanding"}, {"label_delay": None, "include": ["age"]})
    found = build(store, model, at=None, dataset=calls(partitions=None, event_time=None, primary_key=[]))
    pairs = [
        set(zip(found.split(s).column("age").to_pylist(), found.split(s).column("__target").to_pylist(), strict=True))
        for s in ("train", "holdout")
    ]
    assert not pairs[0] & pairs[1]


def test_dated_rows_without_partitions_are_split_by_time(tmp_path: Path) -> None:
    store = undated(tmp_path, 100)
    model = signing({"holdout": "20%", "window": "expanding"}, {"label_delay": "2h"})
    found = build(store, model, at=None, dataset=calls(partitions=None))
    train, held = found.split("train"), found.split("holdout")
    assert held.num_rows == 20
    assert max(train.column("__label_end").to_pylist()) <= min(held.column("__as_of").to_pylist())
    assert found.facts["rows"]["embargoed"] > 0


def test_undated_data_need_a_share_of_holdout_and_no_key(tmp_path: Path) -> None:
    store = undated(tmp_path)
    with pytest.raises(TrainingSetError, match="no event_time"):
        build(store, signing({"holdout": "2d", "window": "expanding"}, {"label_delay": None}), at=None, dataset=STATIC)
    with pytest.raises(TrainingSetError, match="no partitions"):
        build(store, signing({"holdout": "20%"}, {"label_delay": None}), at=key(3), dataset=STATIC)
    with pytest.raises(TrainingSetError, match="has partitions"):
        build(store, signing(), at=None)


def test_a_sample_of_rows_is_the_same_every_time(store: Store) -> None:
    found = build(store, signing(), sample=0.5)
    again = build(store, signing(), sample=0.5)
    assert found.manifest.digest == again.manifest.digest
    assert 10 < found.facts["rows"]["train"] < 40


def test_other_tasks_report_their_own_base_rate(store: Store) -> None:
    regression = build(store, signing(examples={"target": "age"}, task="regression"))
    assert 20 <= regression.facts["base_rate"]["train"] <= 60
    classes = build(store, signing(examples={"target": "job"}, task="multiclass_classification"))
    assert sum(classes.facts["base_rate"]["train"].values()) == pytest.approx(1)
    positive = build(store, signing(examples={"target": "job"}, positive="smith"))
    assert positive.facts["base_rate"]["train"] == classes.facts["base_rate"]["train"]["smith"]


def test_the_examples_weigh_what_a_column_says(store: Store) -> None:
    found = build(store, signing({"weights": "age"}))
    assert [f.name for f in found.features] == ["job"]
    assert found.table.column("__weight").to_pylist() == [float(age) for age in found.table.column("age").to_pylist()]
    with pytest.raises(TrainingSetError, match="not a number"):
        build(store, signing({"weights": "job"}))
