"""What is read is stored, quarantined or left out by a named cause; where that does not add up nothing is stored."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from mlops_assets.data.ingest import storing, waiting
from mlops_assets.data.store import LostRowsError, tables, verify
from mlops_assets.spec import Dataset

KEYS = ["2024-01-01", "2024-01-02"]
ROWS = "t,n\n2023-12-31,0\n2024-01-01,1\n2024-01-01,-1\n2024-01-02,2\n2024-01-03,3\n,4\nsoon,5\n"


def dataset(**changes: Any) -> Dataset:
    given: dict[str, Any] = {
        "source": {"csv": "a.csv"},
        "partitions": {"every": "day", "start": "2024-01-01", "end": "2024-01-03"},
        "event_time": "t",
        "columns": {"n": {"type": "int64", "ge": 0}},
        "on_invalid": "quarantine",
        "max_invalid": 0.5,
    }
    return Dataset(name="rows", **(given | changes))


def test_every_row_is_in_the_account_of_its_partition_or_of_the_read(project: Any) -> None:
    project.write("a.csv", ROWS)
    first, second = project.ingest(dataset(), KEYS)
    assert first.manifest.accounting == {"read": 2, "stored": 1, "quarantined": 1, "left_out": {}}
    assert second.manifest.accounting == {"read": 1, "stored": 1, "quarantined": 0, "left_out": {}}
    assert first.read == second.read
    assert first.read.rows == 7
    assert first.read.left_out == {
        "before the first partition": 1,
        "after the last partition": 1,
        "no event time": 1,
        "unreadable event time": 1,
    }
    assert [violation.places for violation in first.read.examples] == [("a.csv:8",)]


def test_the_account_of_a_table_without_partitions_and_of_a_database(project: Any) -> None:
    import sqlite3

    with sqlite3.connect(project.folder / "shop.db") as connection:
        connection.execute("create table rows (n integer)")
        connection.executemany("insert into rows values (?)", [(1,), (-1,), (2,)])
    source = {"sql": {"url": f"sqlite:///{project.folder}/shop.db", "query": "select * from rows"}}
    (one,) = project.ingest(dataset(source=source, partitions=None, event_time=None))
    assert one.manifest.accounting == {"read": 3, "stored": 2, "quarantined": 1, "left_out": {}}


def lose_in_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    encode = tables.encode
    monkeypatch.setattr(tables, "encode", lambda table, sink: encode(table.slice(1) if isinstance(table, pa.Table) else table, sink))


def lose_among_the_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(self: Any, group: range) -> Any:
        table, findings, numbers, groups = whole(self, group)
        return table.slice(0, table.num_rows - 1), findings, numbers[:-1], groups[:-1]

    whole = waiting.Waiting.rows
    monkeypatch.setattr(waiting.Waiting, "rows", rows)


@pytest.mark.parametrize("lose", [lose_in_the_store, lose_among_the_waiting])
def test_a_planted_loss_is_found_and_the_version_before_stays_current(project: Any, monkeypatch: pytest.MonkeyPatch, lose: Any) -> None:
    project.write("a.csv", "t,n\n2024-01-01,1\n2024-01-02,2\n")
    before = [item.manifest.digest for item in project.ingest(dataset(), KEYS)]
    project.write("a.csv", "t,n\n2024-01-01,1\n2024-01-01,8\n2024-01-02,2\n2024-01-02,3\n")
    lose(monkeypatch)
    with pytest.raises(LostRowsError, match=r"2 rows were read, but 1 are stored and 0 quarantined"):
        project.ingest(dataset(), KEYS)
    monkeypatch.undo()
    current = project.store.window("rows", KEYS)
    assert current["2024-01-02"].digest == before[1]
    assert verify(project.store) == []


def test_a_row_that_a_check_loses_is_found(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = storing.invalid_rows
    project.write("a.csv", "t,n\n2024-01-01,1\n2024-01-01,-1\n2024-01-02,2\n")
    monkeypatch.setattr(storing, "invalid_rows", lambda *given: whole(*given).slice(1))
    with pytest.raises(LostRowsError, match="2 rows were read, but 1 are stored and 0 quarantined"):
        project.ingest(dataset(), KEYS)
