"""Texts that differ only after a NUL, or in one at their end, are two everywhere: they are what pandas and numpy take for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import MlopsError
from mlops_assets.modeling.bootstrap import choose_blocks
from mlops_assets.modeling.distinct import distinct, groups_of
from mlops_assets.modeling.encoding import Encoder, Form
from mlops_assets.modeling.folds import folds_of
from mlops_assets.modeling.gates.leakage import twins
from mlops_assets.modeling.signature import Feature
from mlops_assets.modeling.single_feature import cells_of
from mlops_assets.modeling.slices import slices_of
from mlops_assets.modeling.target import Target
from mlops_assets.modeling.values import numbers

ALIKE = ["", "\0", "a", "a\0", "a\0b", "a\0c", "\0\0"]

words = st.lists(st.none() | st.text("a\0b", max_size=3), min_size=1, max_size=12)


@given(words, st.booleans())
def test_values_are_told_apart_as_python_does(values: list[str | None], sort: bool) -> None:
    codes, found = distinct(np.array(values, dtype=object), sort=sort)

    expected = [value for value in dict.fromkeys(values) if value is not None]
    assert list(found) == (sorted(expected) if sort else expected)
    assert [None if code < 0 else found[code] for code in codes] == values


@given(st.lists(st.tuples(st.none() | st.text("a\0b", max_size=2), st.none() | st.integers(0, 2)), min_size=1, max_size=12))
def test_rows_are_one_group_where_all_their_values_are_equal(rows: list[tuple[str | None, int | None]]) -> None:
    frame = pd.DataFrame({"word": pd.Series([w for w, _ in rows], dtype=object), "whole": pd.array([n for _, n in rows], "Int64")})

    groups = groups_of(frame)

    ordered = sorted(set(rows), key=lambda row: tuple((value is None, value if value is not None else "") for value in row))
    assert groups.tolist() == [ordered.index(row) for row in rows]


@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_the_kind_of_a_text_column_does_not_matter(kind: str) -> None:
    column = pd.Series(["b", None, "a", "b"], dtype="object").astype(kind)

    assert groups_of(column.to_frame("c")).tolist() == [1, 2, 0, 1]


@pytest.mark.parametrize("form", ["native", "numeric"])
def test_a_frame_is_encoded_as_its_rows_one_by_one(form: Form) -> None:
    feature = Feature("word", "category")
    encoder = Encoder.fit(pd.DataFrame({"word": ALIKE}), [feature], form=form)

    matrix = encoder.transform(pd.DataFrame({"word": ALIKE}))

    assert matrix.tolist() == [encoder.encode_row([text]) for text in ALIKE]
    assert len({tuple(row) for row in matrix.tolist()}) == len(ALIKE)


def test_a_date_is_not_read_from_the_beginning_of_another_text() -> None:
    with pytest.raises(MlopsError, match="day"):
        numbers(pd.Series(["2026-01-01", "2026-01-01\0 not a date"], dtype=object), Feature("day", "date"))


def test_classes_are_told_apart() -> None:
    values = pd.Series(["a\0b", "a\0c", "a\0b"], dtype=object)

    target = Target.fit(values, "multiclass_classification")

    assert (target.classes, target.encode(values).tolist()) == (("a\0b", "a\0c"), [0, 1, 0])


def test_entities_are_drawn_and_folded_each_for_itself() -> None:
    names = pd.DataFrame({"name": ["a\0b", "a\0c"] * 20})

    blocks = choose_blocks(names, None, len(names))
    folds = folds_of(names, np.arange(40) % 3 == 0, count=2, classes=2, groups=["name"], entity=[], seed=1)

    assert (blocks.unit, blocks.count) == ("entity", 2)
    for fold in folds:
        assert set(names.name[fold.train]).isdisjoint(names.name[fold.valid])


def test_slices_are_by_whole_value() -> None:
    found = {label: mask.tolist() for label, mask in slices_of(pd.DataFrame({"c": ["a", "a\0", "a\0b", "a\0c"]}), "c")}

    assert found == {text: [text == other for other in ("a", "a\0", "a\0b", "a\0c")] for text in ("a", "a\0", "a\0b", "a\0c")}


def test_a_feature_alone_is_looked_at_by_whole_value() -> None:
    train, judged = (np.array(texts * 20, dtype=object) for texts in (["a\0b", "a\0c"], ["a\0c", "a\0d"]))

    train_cells, judged_cells, _ = cells_of(train, judged)

    assert (train_cells[:2].tolist(), judged_cells[:2].tolist()) == ([0, 1], [1, 2])


@pytest.mark.parametrize(
    ("judged", "shared"),
    [pytest.param(["a\0c", "a"], 0, id="others"), pytest.param(["a\0b", "a\0c"], 1, id="one of them")],
)
def test_rows_of_the_holdout_have_a_twin_only_where_all_of_a_value_is_equal(judged: list[Any], shared: int) -> None:
    assert twins(pd.DataFrame({"c": ["a\0b", "\0"]}), pd.DataFrame({"c": judged}), ["c"]) == shared
