"""Keys of computed tables: numbers that a missing value made floats are whole numbers again, or refused; never silently something else."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from mlops_assets.data.features.table import FeatureError, conform
from mlops_assets.data.training_sets.point_in_time import _alike_keys
from mlops_assets.data.training_sets.rows import TrainingSetError
from mlops_assets.lifecycle.watching.tables import joined_by_entity
from mlops_assets.spec.model import Model


def conformed(keys: pa.Array) -> pa.ChunkedArray:
    table = pa.table({"cid": keys, "x": range(len(keys))})
    return conform(table, entity=["cid"], where="v", private=True).column("cid")


@pytest.mark.parametrize(
    "keys",
    [
        pa.array([43.0, 42.0]),
        pa.array([43.0, 42.0], pa.float32()),
        pa.array([Decimal("43.00"), Decimal("42.00")]),
        pa.array([43, 42], pa.decimal128(38, 0)),
        pa.array([43, 42], pa.uint8()),
    ],
)
def test_whole_numbers_of_any_type_are_int64(keys: pa.Array) -> None:
    found = conformed(keys)
    assert (found.type, found.to_pylist()) == (pa.int64(), [42, 43])


def test_large_decimals_keep_their_digits() -> None:
    large = [9007199254740992, 9007199254740993]
    assert conformed(pa.array(large, pa.decimal128(20, 0))).to_pylist() == large


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (pa.array([42.0, 42.5]), "no whole numbers"),
        (pa.array([Decimal("1.5")]), "no whole numbers"),
        (pa.array([Decimal("12345678901234567891")]), "no whole numbers of 64 bit"),
        (pa.array([2.0**53 * 2, 1.0]), r"beyond 2\^53"),
        (pa.array([float("inf")]), r"beyond 2\^53"),
        (pa.array([42.0, None]), "missing in 1 of 2 rows"),
        (pa.array([42.0, float("nan"), float("nan")]), "missing in 2 of 3 rows"),
        (pa.array([42.0, 42.0]), "more than one"),
    ],
)
def test_other_keys_are_refused_with_what_to_do(keys: pa.Array, said: str) -> None:
    with pytest.raises(FeatureError, match=said) as refused:
        conformed(keys)
    assert "cid" in str(refused.value)


def test_features_keep_their_fractions() -> None:
    table = pa.table({"cid": [1], "x": [1.0], "d": pa.array([Decimal("1.50")])})
    found = conform(table, entity=["cid"], where="v", private=False)
    assert [str(field.type) for field in found.schema] == ["int64", "double", "double"]


MODEL = Model.model_validate(
    {
        "name": "m",
        "task": "binary_classification",
        "entity": "cid",
        "features": ["v.*"],
        "label": {"horizon": "30d", "sql": "select cid, true as y from t"},
        "training": {"window": "180d", "holdout": "30d"},
    }
)


def test_a_view_whose_keys_were_stored_as_double_still_joins_with_whole_numbers() -> None:
    old, new = pa.table({"cid": [1.0, 2.0]}), pa.table({"cid": [1, 2], "x": [1, 1]})
    assert [str(table.schema.field("cid").type) for table in _alike_keys(MODEL, [old, new])] == ["double", "double"]
    assert [str(table.schema.field("cid").type) for table in _alike_keys(MODEL, [new, new])] == ["int64", "int64"]
    with pytest.raises(TrainingSetError, match="int64 here and string there"):
        _alike_keys(MODEL, [new, pa.table({"cid": ["1"]})])


@pytest.mark.parametrize("labels", [pa.array([42, 43]), pa.array([42.0, 43.0]), pa.array(["42", "43"])])
@pytest.mark.parametrize("predicted", [pa.array([43, 42, 7]), pa.array(["43", "42", "x"]), pa.array([43.0, 42.0, 7.0])])
def test_outcomes_join_by_the_text_of_a_key_where_its_types_differ(labels: pa.Array, predicted: pa.Array) -> None:
    left, right = pa.table({"cid": predicted, "n": [0, 1, 2]}), pa.table({"cid": labels, "y": [True, False]})
    joined = joined_by_entity(left, right, ["cid"], how="inner").sort_by("n")
    assert joined.select(["n", "y"]).to_pydict() == {"n": [0, 1], "y": [False, True]}
