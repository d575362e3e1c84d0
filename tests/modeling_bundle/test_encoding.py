"""The encoder: defined meaning for every value, the same numbers for frames and rows."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.modeling.encoding import MAX_ONE_HOT, MAX_STRING_CATEGORIES, Encoder, Form
from mlops_assets.modeling.signature import BundleInputError, Feature, ModelingError, Signature
from mlops_assets.modeling.values import from_json, to_json

FEATURES = (
    Feature("whole", "int64"),
    Feature("real", "float64"),
    Feature("flag", "bool"),
    Feature("word", "category"),
    Feature("moment", "datetime"),
    Feature("day", "date"),
)

moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
rows = st.fixed_dictionaries(
    {
        "whole": st.none() | st.integers(-(2**63), 2**63 - 1),
        "real": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "flag": st.none() | st.booleans(),
        "word": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        "moment": st.none() | moments,
        "day": st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    }
)


def frame_of(values: list[dict[str, Any]]) -> pd.DataFrame:
    kinds = {"whole": "Int64", "real": "float64", "flag": "boolean", "word": object, "moment": "datetime64[us, UTC]", "day": object}
    return pd.DataFrame({name: pd.Series([row[name] for row in values], dtype=kind) for name, kind in kinds.items()})


def as_row(row: dict[str, Any]) -> list[tuple[float, ...] | str | None]:
    return [None if row[f.name] is None else from_json(row[f.name], f) for f in FEATURES]


@pytest.mark.parametrize("form", ["native", "numeric"])
@given(train=st.lists(rows, min_size=1, max_size=8), later=st.lists(rows, min_size=1, max_size=8))
def test_a_frame_and_single_rows_encode_to_the_same_bits(form: Form, train: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    encoder = Encoder.fit(frame_of(train), FEATURES, form=form)

    matrix = encoder.transform(frame_of(later))

    single = np.array([encoder.encode_row(as_row(row)) for row in later]).reshape(len(later), len(encoder.names))
    assert matrix.tobytes() == single.tobytes() or np.array_equal(matrix, single, equal_nan=True)


@pytest.mark.parametrize("form", ["native", "numeric"])
@given(train=st.lists(rows, min_size=1, max_size=8), later=st.lists(rows, min_size=1, max_size=8))
def test_an_encoder_survives_json(form: Form, train: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    encoder = Encoder.fit(frame_of(train), FEATURES, form=form)

    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)), Signature(FEATURES))

    assert again.names == encoder.names
    assert np.array_equal(again.transform(frame_of(later)), encoder.transform(frame_of(later)), equal_nan=True)


@given(train=st.lists(rows, min_size=1, max_size=8), later=st.lists(rows, min_size=1, max_size=8))
def test_the_numeric_form_never_holds_a_missing_value(train: list[dict[str, Any]], later: list[dict[str, Any]]) -> None:
    encoder = Encoder.fit(frame_of(train), FEATURES, form="numeric")

    assert np.isfinite(encoder.transform(frame_of(later))).all()


@given(st.lists(rows, min_size=1, max_size=8))
def test_a_frame_as_json_reads_back_to_the_same_numbers(values: list[dict[str, Any]]) -> None:
    frame = frame_of([{**row, "whole": None if row["whole"] is None else row["whole"] % 2**53} for row in values])
    encoder = Encoder.fit(frame, FEATURES, form="native")
    columns = {f.name: json.loads(json.dumps(to_json(frame[f.name], f))) for f in FEATURES}

    again = [encoder.encode_row(as_row({name: column[i] for name, column in columns.items()})) for i in range(len(frame))]

    assert np.array_equal(encoder.transform(frame), np.array(again), equal_nan=True)


def test_native_codes_are_sorted_and_missing_and_unknown_have_their_own() -> None:
    encoder = Encoder.fit(pd.DataFrame({"word": ["b", "a", "b", None]}), [Feature("word", "category")], form="native")

    codes = encoder.transform(pd.DataFrame({"word": ["a", "b", None, "never seen"]}))[:, 0]

    assert codes.tolist() == [0, 1, 2, 3]
    assert encoder.categorical == [0]


def test_missing_means_the_same_whether_or_not_training_had_any() -> None:
    encoder = Encoder.fit(pd.DataFrame({"word": ["a", "b"]}), [Feature("word", "category")], form="native")

    assert encoder.transform(pd.DataFrame({"word": [None, "never seen"]}))[:, 0].tolist() == [2, 3]


def test_numeric_fills_with_the_median_and_says_so_in_an_indicator() -> None:
    encoder = Encoder.fit(pd.DataFrame({"x": [1.0, 2.0, 10.0, None]}), [Feature("x", "float64")], form="numeric")

    assert encoder.names == ["x", "x=missing"]
    assert encoder.transform(pd.DataFrame({"x": [None, 5.0]})).tolist() == [[2.0, 1.0], [5.0, 0.0]]


def test_a_missing_value_that_training_never_had_is_filled_without_an_indicator() -> None:
    encoder = Encoder.fit(pd.DataFrame({"x": [1.0, 2.0, 10.0]}), [Feature("x", "float64")], form="numeric")

    assert encoder.transform(pd.DataFrame({"x": [None]}, dtype="float64")).tolist() == [[2.0]]


def test_an_unknown_category_has_no_indicator_unless_rare_ones_share_one() -> None:
    few = Encoder.fit(pd.DataFrame({"w": ["a", "b"]}), [Feature("w", "category")], form="numeric")
    words = [f"c{i:03}" for i in range(MAX_ONE_HOT + 5)] + ["c000"]
    many = Encoder.fit(pd.DataFrame({"w": words}), [Feature("w", "category")], form="numeric")

    assert few.transform(pd.DataFrame({"w": ["?"]})).tolist() == [[0.0, 0.0]]
    assert many.names[-1] == "w=other"
    assert len(many.names) == MAX_ONE_HOT + 1
    unknown, rare = many.transform(pd.DataFrame({"w": ["?", words[-2]]})).tolist()
    assert unknown == rare == [0.0] * MAX_ONE_HOT + [1.0]


def test_a_datetime_becomes_days_hour_weekday_and_month_in_utc() -> None:
    feature = Feature("t", "datetime")
    frame = pd.DataFrame({"t": [pd.Timestamp("2026-03-01T00:30:00+02:00")]})
    encoder = Encoder.fit(frame, [feature], form="native")

    assert encoder.names == ["t.epoch_days", "t.hour", "t.weekday", "t.month"]
    assert encoder.transform(frame).tolist() == [[(date(2026, 2, 28) - date(1970, 1, 1)).days, 22, 5, 2]]


def test_moments_before_1970_round_down_to_their_day() -> None:
    moment = datetime(1969, 12, 31, 23, 59, tzinfo=UTC)

    assert from_json(moment.isoformat(), Feature("t", "datetime")) == (-1.0, 23.0, 2.0, 12.0)


def test_a_moment_keeps_its_meaning_in_any_offset() -> None:
    feature = Feature("t", "datetime")
    moment = datetime(2026, 7, 1, 14, tzinfo=timezone(timedelta(hours=2)))

    assert from_json("2026-07-01T14:00:00+02:00", feature) == from_json(moment, feature) == from_json("2026-07-01T12:00:00Z", feature)


def test_a_naive_column_of_moments_is_refused() -> None:
    with pytest.raises(BundleInputError, match="no time zone"):
        Encoder.fit(pd.DataFrame({"t": [pd.Timestamp("2026-01-01")]}), [Feature("t", "datetime")], form="native")


def test_free_text_is_refused_with_advice_and_a_declared_category_is_not() -> None:
    frame = pd.DataFrame({"note": [f"text {i}" for i in range(MAX_STRING_CATEGORIES + 1)]})

    with pytest.raises(ModelingError, match="declare the column"):
        Encoder.fit(frame, [Feature("note", "string")], form="native")
    assert Encoder.fit(frame, [Feature("note", "category")], form="native").names == ["note"]


def test_a_feature_without_any_value_is_kept_and_named() -> None:
    frame = pd.DataFrame({"x": [None, None], "w": [None, None], "b": [None, None]}, dtype=object)
    features = [Feature("x", "float64"), Feature("w", "category"), Feature("b", "bool")]

    for form in ("native", "numeric"):
        encoder = Encoder.fit(frame, features, form=form)  # type: ignore[arg-type]
        assert encoder.empty_features == ["x", "w", "b"]
        assert len(encoder.transform(frame)) == 2


@pytest.mark.parametrize(
    ("kind", "column", "message"),
    [
        ("float64", ["1", "2"], "needs numbers"),
        ("float64", [1.0, math.inf], "is infinite"),
        ("bool", [0, 2], "needs true or false"),
        ("category", ["a", 3], "needs text"),
        ("date", ["2026-01-01", "tomorrow"], "needs a date"),
        ("datetime", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"], "no time zone"),
    ],
)
def test_a_column_of_another_type_is_refused_by_name(kind: Any, column: list[Any], message: str) -> None:
    with pytest.raises(BundleInputError, match=message) as caught:
        Encoder.fit(pd.DataFrame({"c": column}), [Feature("c", kind)], form="native")
    assert caught.value.problems[0].field == "c"


def test_a_missing_column_is_named() -> None:
    encoder = Encoder.fit(pd.DataFrame({"a": [1], "b": [2]}), [Feature("a", "int64"), Feature("b", "int64")], form="native")

    with pytest.raises(BundleInputError, match=r"'b'.*missing"):
        encoder.transform(pd.DataFrame({"a": [1]}))


def test_an_empty_training_set_is_refused() -> None:
    with pytest.raises(ModelingError, match="no training rows"):
        Encoder.fit(pd.DataFrame({"a": []}), [Feature("a", "int64")], form="native")
