"""The private parts of Dagster that are used: each is there, and one that is not says what to do about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster
import pytest

from mlops_assets.instance import private
from mlops_assets.instance.private import PARTS, PartMoved, PrivatePart, part


@pytest.mark.parametrize("one", PARTS, ids=lambda one: one.name)
def test_every_private_part_is_where_the_table_says(one: PrivatePart) -> None:
    one.load()


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
    moved = PrivatePart("DagsterEvent", module, "ranges are reported together.", "one event at a time.", attribute, members)
    with pytest.raises(PartMoved) as told:
        moved.load()
    text = str(told.value)
    assert text.startswith(f"Dagster {dagster.__version__} changed its private part DagsterEvent: ")
    assert "Needed for: ranges are reported together. Instead: one event at a time." in text
    if members:
        assert "has no renamed_member any more" in text


def test_every_part_says_why_and_what_instead_in_whole_sentences() -> None:
    for one in PARTS:
        assert one.why.endswith("."), one
        assert one.instead.endswith("."), one
    assert len({one.name for one in PARTS}) == len(PARTS)


def test_objects_of_private_classes_have_the_attributes_that_are_used(tmp_path: Path) -> None:
    from mlops_assets.instance.events import QuickEventLogStorage
    from mlops_assets.instance.private import AssetDaemon

    made = {
        "AssetDaemon": AssetDaemon(settings={}, pre_sensor_interval_seconds=30),
        "SqliteEventLogStorage": QuickEventLogStorage(str(tmp_path)),
    }
    assert {part.name for part in PARTS if part.attributes} == set(made)
    for name, one in made.items():
        part(name).check(one)
    gone = replace(part("AssetDaemon"), attributes=("_renamed",))
    with pytest.raises(PartMoved, match="its objects have no _renamed any more"):
        gone.check(made["AssetDaemon"])
    made["SqliteEventLogStorage"].dispose()
