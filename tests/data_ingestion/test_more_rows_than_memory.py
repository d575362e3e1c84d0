"""Sources that are larger than what is kept in memory give the same versions as if they were not."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from mlops_assets.data.ingest import IngestError, ingest, reading, spool, spool_checks
from mlops_assets.data.sources import pieces
from mlops_assets.data.store import Store, open_store
from mlops_assets.spec import Dataset

DAYS = [f"2024-01-{day:02}" for day in range(1, 11)]


def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything waits on disk, and few rows are looked at together."""
    monkeypatch.setattr(spool, "IN_MEMORY", 2_000)
    monkeypatch.setattr(reading, "GROUP_BYTES", 6_000)
    monkeypatch.setattr(spool_checks, "KEYS", 50)
    monkeypatch.setattr(pieces, "PIECE_BYTES", 3_000)


def write(project: Any, *, in_order: bool) -> None:
    random.seed(5)
    rows = [f"{number},{random.choice(DAYS)}T{number % 24:02}:00,{random.randrange(100) - 1},x{number % 7}" for number in range(900)]
    rows = sorted(rows, key=lambda row: row.split(",")[1]) if in_order else rows
    rows[500:500] = [f"{900 + number},{DAYS[3]}T05:00,5,x" for number in range(3)]
    project.write("a.csv", "id,at,n,note\n" + "\n".join([*rows, rows[0], rows[850]]) + "\n")


def dataset(**changes: Any) -> Dataset:
    given: dict[str, Any] = {
        "source": {"csv": "a.csv"},
        "primary_key": ["id"],
        "columns": {"id": {"type": "int64"}, "n": {"type": "int64", "ge": 0}},
        "on_invalid": "quarantine",
        "max_invalid": 0.5,
    }
    return Dataset(name="rows", **(given | changes))


PARTITIONED = {"partitions": {"every": "day", "start": DAYS[0]}, "event_time": "at"}


def versions(project: Any, data: Dataset, keys: list[str] | None, name: str) -> tuple[Store, list[Any]]:
    store = open_store(str(project.folder / name))
    items = list(ingest(data, keys, store, project.context))
    return store, [(item.key, item.manifest.digest, item.violations, item.read) for item in items]


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("changes, keys", [({}, None), (PARTITIONED, DAYS), (PARTITIONED, [DAYS[1], DAYS[5], DAYS[6]])])
def test_the_versions_and_what_is_told_of_them_are_the_same(
    project: Any, monkeypatch: pytest.MonkeyPatch, in_order: bool, changes: dict[str, Any], keys: list[str] | None
) -> None:
    write(project, in_order=in_order)
    plain, expected = versions(project, dataset(**changes), keys, "plain")
    small_memory(monkeypatch)
    spooled, found = versions(project, dataset(**changes), keys, "spooled")
    assert found == expected
    for key in keys or [None]:
        one, other = plain.current("rows", key), spooled.current("rows", key)
        assert one is not None
        assert other is not None
        assert plain.read(one).equals(spooled.read(other))
        aside = plain.read_quarantined(one)
        assert aside is not None or one.quarantined is None
        assert aside is None or aside.equals(spooled.read_quarantined(other))
    assert any(item[2] for item in found)


def test_nothing_is_left_behind_on_disk_and_a_second_read_changes_nothing(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(project, in_order=False)
    small_memory(monkeypatch)
    (first,) = project.ingest(dataset())
    (second,) = project.ingest(dataset())
    assert (first.changed, second.changed) == (True, False)
    assert [path for path in project.context.cache.rglob("*") if path.is_file()] == []
    with pytest.raises(IngestError):
        project.ingest(dataset(on_invalid="block"))
    assert [path for path in project.context.cache.rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_behind_is_removed_and_what_another_one_uses_is_not(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, in_order=True)
    small_memory(monkeypatch)
    old, young = (project.context.cache / name for name in (".rows-old", ".rows-young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "rows.arrow").write_bytes(b"x")
    os.utime(old, (0, 0))
    project.ingest(dataset())
    assert (old.exists(), young.exists()) == (False, True)


def test_a_key_that_repeats_far_away_is_found_whatever_its_type(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    small_memory(monkeypatch)
    for kind, spelled in (("string", "k{}"), ("int64", "{}"), ("date", "20{:02}-01-01"), ("decimal", "{}.50")):
        rows = [f"{spelled.format(number)},{'x' * 40}" for number in range(99)]
        project.write("a.csv", "id,note\n" + "\n".join([*rows, rows[1], rows[97]]) + "\n")
        column = {"type": kind, **({"scale": 2} if kind == "decimal" else {})}
        with pytest.raises(IngestError, match=r"2 of 101 rows break a rule: id breaks 'primary key' in 2 rows \(row 100, 101"):
            project.ingest(dataset(columns={"id": column}, on_invalid="block"))
