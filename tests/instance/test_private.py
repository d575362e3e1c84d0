"""The private parts of Dagster that are used: each is there, and one that is not says what to do about it."""

from __future__ import annotations

import dagster
import pytest

from mlops_assets.instance import private
from mlops_assets.instance.private import PARTS, PartMoved, PrivatePart


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_private_part_is_where_the_table_says(part: PrivatePart) -> None:
    part.load()


def test_a_part_loads_by_its_name() -> None:
    from mlops_assets.instance.private import INDEX_SHARD_NAME, generate_event_batch_id

    assert INDEX_SHARD_NAME == "index"
    assert generate_event_batch_id() != generate_event_batch_id()


def test_a_name_that_the_table_does_not_have_is_none_of_the_module() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'RunStorage'"):
        _ = private.RunStorage


MOVED = {
    "another module": ("dagster._core.moved_away", None, ()),
    "another name": ("dagster._core.events", "RenamedEvent", ()),
    "another member": ("dagster._core.events", "DagsterEvent", ("asset_materialization", "renamed_member")),
}


@pytest.mark.parametrize("how", sorted(MOVED))
def test_a_part_that_an_upgrade_moved_says_why_it_is_needed_and_what_is_there_instead(how: str) -> None:
    module, attribute, members = MOVED[how]
    part = PrivatePart("DagsterEvent", module, "ranges are reported together.", "one event at a time.", attribute, members)
    with pytest.raises(PartMoved) as told:
        part.load()
    text = str(told.value)
    assert text.startswith(f"Dagster {dagster.__version__} changed its private part DagsterEvent: ")
    assert "Needed for: ranges are reported together. Instead: one event at a time." in text
    if members:
        assert "has no renamed_member any more" in text


def test_every_part_says_why_and_what_instead_in_whole_sentences() -> None:
    for part in PARTS:
        assert part.why.endswith("."), part
        assert part.instead.endswith("."), part
    assert len({part.name for part in PARTS}) == len(PARTS)
