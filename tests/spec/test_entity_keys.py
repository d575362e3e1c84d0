"""The one textual form of an entity's key."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.spec.entity_keys import KeyFormError, any_text, earlier_texts, key_text, part_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42, "42"),
        (42.0, "42"),
        (-0.0, "0"),
        (float(2**53), str(2**53)),
        (2**63 - 1, "9223372036854775807"),
        (12345678901234567891, "12345678901234567891"),
        ("42", "42"),
        ("042", "042"),
        (" a ", " a "),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, 12, tzinfo=UTC), "2024-01-31T12:00:00Z"),
        (datetime(2024, 1, 31, 12), "2024-01-31T12:00:00Z"),
        (datetime(2024, 1, 31, 14, 0, 0, 5, tzinfo=timezone(timedelta(hours=2))), "2024-01-31T12:00:00.000005Z"),
        (Decimal("42.00"), "42"),
        (Decimal("1.50"), "1.5"),
        (Decimal("12345678901234567891"), "12345678901234567891"),
        (None, None),
        (float("nan"), None),
        (Decimal("NaN"), None),
    ],
)
def test_each_type_has_one_text(value: Any, text: str | None) -> None:
    assert part_text(value) == text
    assert key_text([value]) == text


@pytest.mark.parametrize("value", [42.5, float("inf"), float(2**53) * 2 + 2, Decimal("inf"), [1], {"a": 1}, b"x"])
def test_what_is_no_key_is_refused_without_saying_the_value(value: Any) -> None:
    with pytest.raises(KeyFormError) as refused:
        key_text([value])
    assert str(value) not in str(refused.value)
    assert any_text(value) == str(value)


part = st.one_of(st.integers(), st.text(), st.booleans(), st.dates())


@given(one=st.lists(part, min_size=2, max_size=3), other=st.lists(part, min_size=2, max_size=3))
def test_keys_of_several_columns_are_equal_only_where_every_part_is(one: list[Any], other: list[Any]) -> None:
    assert (key_text(one) == key_text(other)) == ([part_text(v) for v in one] == [part_text(v) for v in other])


@pytest.mark.parametrize(
    ("one", "other"),
    [(["a|b", "c"], ["a", "b|c"]), (['a","b', "c"], ["a", 'b","c']), (["a\0b", "c"], ["a", "b\0c"]), (["", "a"], ["a", ""])],
)
def test_a_separator_inside_a_text_joins_no_two_keys(one: list[Any], other: list[Any]) -> None:
    assert key_text(one) != key_text(other)


def test_a_key_with_a_missing_part_is_none() -> None:
    assert key_text(["a", None]) is None
    assert key_text([float("nan"), 1]) is None


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([42], ["42.0"]),
        (["42"], ["42.0"]),
        ([True], ["True"]),
        ([datetime(2024, 1, 31, 12, tzinfo=UTC)], ["2024-01-31 12:00:00+00:00"]),
        ([date(2024, 1, 31)], []),
        (["abc"], []),
        ([None], []),
        (["a", 1], ['["a","1.0"]']),
    ],
)
def test_the_texts_of_earlier_versions(values: list[Any], texts: list[str]) -> None:
    assert earlier_texts(values) == texts
