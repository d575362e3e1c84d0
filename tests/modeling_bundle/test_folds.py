"""Folds inside the training rows: in time with an embargo, else stratified with groups whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.modeling.folds import folds_of
from mlops_assets.modeling.signature import ModelingError

SETTINGS = {"classes": 0, "groups": (), "entity": (), "seed": 7}


def dated(days: list[int], horizon: int = 0) -> pd.DataFrame:
    as_of = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    return pd.DataFrame({"__as_of": as_of, "__label_end": as_of + pd.Timedelta(days=horizon)})


@given(st.lists(st.integers(0, 60), min_size=2, max_size=80), st.integers(0, 10), st.integers(2, 5))
def test_a_fold_learns_only_from_labels_that_were_final_when_its_judged_rows_began(days: list[int], horizon: int, count: int) -> None:
    frame = dated(days, horizon)
    if len(set(days)) < 2:
        return
    try:
        folds = folds_of(frame, np.zeros(len(days)), count=count, **SETTINGS)
    except ModelingError as error:
        assert "embargo" in str(error)  # noqa: PT017
        return

    assert len(folds) <= count
    for fold in folds:
        begin = frame["__as_of"].iloc[fold.valid].min()
        assert (frame["__label_end"].iloc[fold.train] <= begin).all()
        assert (frame["__as_of"].iloc[fold.train] < begin).all()
    judged = np.concatenate([fold.valid for fold in folds])
    assert len(judged) == len(set(judged.tolist()))


def test_each_as_of_time_is_judged_whole() -> None:
    frame = dated([day for day in range(12) for _ in range(7)])

    for fold in folds_of(frame, np.zeros(84), count=3, **SETTINGS):
        days = frame["__as_of"].iloc[fold.valid].nunique()
        assert len(fold.valid) == days * 7


def test_a_group_that_is_judged_is_not_learned_from() -> None:
    frame = dated(list(range(40))).assign(shop=["a", "b", "c", "d"] * 10)

    with pytest.raises(ModelingError, match="groups"):
        folds_of(frame, np.zeros(40), count=3, **{**SETTINGS, "groups": ("shop",)})
    frame["shop"] = [f"s{i // 4}" for i in range(40)]
    for fold in folds_of(frame, np.zeros(40), count=3, **{**SETTINGS, "groups": ("shop",)}):
        assert not set(frame["shop"].iloc[fold.train]) & set(frame["shop"].iloc[fold.valid])


def test_undated_rows_are_stratified() -> None:
    y = np.array([0.0] * 90 + [1.0] * 9)

    folds = folds_of(pd.DataFrame(index=range(99)), y, count=3, **{**SETTINGS, "classes": 2})

    assert [int(y[fold.valid].sum()) for fold in folds] == [3, 3, 3]
    assert folds[0].how == "stratified by class"


def test_undated_rows_of_one_entity_stay_on_one_side() -> None:
    frame = pd.DataFrame({"person": [i // 3 for i in range(90)]})

    for fold in folds_of(frame, np.arange(90) % 2.0, count=3, **{**SETTINGS, "classes": 2, "entity": ("person",)}):
        assert not set(frame["person"].iloc[fold.train]) & set(frame["person"].iloc[fold.valid])


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(ModelingError, match="cannot be split"):
        folds_of(pd.DataFrame(index=range(1)), np.zeros(1), count=3, **SETTINGS)


def test_an_embargo_that_leaves_nothing_is_explained() -> None:
    with pytest.raises(ModelingError, match="Widen the training window"):
        folds_of(dated(list(range(20)), horizon=100), np.zeros(20), count=3, **SETTINGS)
