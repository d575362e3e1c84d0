from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.data.training_sets.rows import immature_rows, overlapping_rows
from mlops_assets.data.training_sets.split import HOLDOUT, TRAIN, drop_shared_groups, keep_sample, random_split, time_split
from tests.streams import MOMENT, day


@given(keys=st.lists(st.integers(0, 30).map(str), min_size=2, max_size=80), share=st.floats(0.05, 0.6), seed=st.integers(0, 5))
def test_a_random_split_keeps_equal_keys_together_and_does_not_depend_on_order(keys: list[str], share: float, seed: int) -> None:
    sides = random_split(keys, share, seed)
    by_key = dict(zip(keys, sides, strict=True))
    assert all(by_key[key] == side for key, side in zip(keys, sides, strict=True))
    backwards = dict(zip(keys[::-1], random_split(keys[::-1], share, seed), strict=True))
    assert backwards == by_key
    if len(set(keys)) > 1:
        assert {TRAIN, HOLDOUT} == set(sides)


def test_a_stratified_split_holds_out_the_share_of_every_class() -> None:
    classes = ["rare"] * 10 + ["common"] * 90
    sides = random_split([str(n) for n in range(100)], 0.2, 7, classes=classes)
    assert sum(sides[:10] == HOLDOUT) == 2
    assert sum(sides[10:] == HOLDOUT) == 18


def test_a_time_split_drops_labels_that_reach_the_holdout() -> None:
    times = np.array(["2026-01-01", "2026-01-03", "2026-01-05"], "datetime64[us]")
    sides = time_split(times, times + np.timedelta64(3, "D"), np.datetime64("2026-01-05"))
    assert sides.tolist() == [TRAIN, "", HOLDOUT]


def test_groups_of_the_holdout_leave_training() -> None:
    sides = np.array([TRAIN, TRAIN, HOLDOUT], dtype=object)
    kept, count = drop_shared_groups(sides, ["a", "b", "b"])
    assert kept.tolist() == [TRAIN, "", HOLDOUT]
    assert count == 1


def test_a_larger_sample_contains_the_smaller_one() -> None:
    keys = [str(n) for n in range(1000)]
    small, large = keep_sample(keys, 0.1), keep_sample(keys, 0.3)
    assert 60 < small.sum() < 140
    assert not (small & ~large).any()
    assert keep_sample(keys, 1.0).all()


def rows(*entries: tuple[int, float | None, float | None, str]) -> pa.Table:
    columns = list(zip(*entries, strict=True))
    moments = [[None if at is None else day(at) for at in column] for column in columns[1:3]]
    return pa.table(
        {
            "customer_id": list(columns[0]),
            "__as_of": pa.array(moments[0], MOMENT),
            "__label_end": pa.array(moments[1], MOMENT),
            "__split": list(columns[3]),
        }
    )


def test_labels_that_were_not_final_are_counted() -> None:
    table = rows((1, 0, 2, TRAIN), (1, 3, 5, HOLDOUT))
    assert immature_rows(table, day(5)) == 0
    assert immature_rows(table, day(4)) == 1
    assert immature_rows(table, None) == 0


def test_training_rows_that_reach_into_the_holdout_are_counted() -> None:
    assert overlapping_rows(rows((1, 0, 3, TRAIN), (1, 3, 6, HOLDOUT)), ["customer_id"]) == 0
    assert overlapping_rows(rows((1, 0, 4, TRAIN), (1, 3, 7, HOLDOUT)), ["customer_id"]) == 1


def test_undated_rows_on_both_sides_are_counted() -> None:
    assert overlapping_rows(rows((1, None, None, TRAIN), (2, None, None, HOLDOUT)), ["customer_id"]) == 0
    assert overlapping_rows(rows((1, None, None, TRAIN), (1, None, None, HOLDOUT)), ["customer_id"]) == 1
    assert overlapping_rows(rows((1, None, None, TRAIN), (1, None, None, HOLDOUT)), []) == 1
