"""What changed between a stored version and its rows now, beside an oracle in plain Python; and the note that a new version keeps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.data.ingest import ingest
from mlops_assets.data.ingest.changes import change_of, describe, noted
from mlops_assets.data.ingest.filestates import FilesNow
from mlops_assets.data.store import StoreError, open_store
from mlops_assets.spec import Dataset
from tests.ingesting import Project

SCHEMA = pa.schema([("id", pa.int64()), ("Amt", pa.float64()), ("amt", pa.string()), ("at", pa.timestamp("us", tz="UTC"))])
ROW = st.fixed_dictionaries(
    {
        "id": st.integers(0, 8),
        "Amt": st.one_of(st.none(), st.sampled_from([0.0, 0.1, 1e300, float("inf"), -1.5])),
        "amt": st.one_of(st.none(), st.sampled_from(["", "1.5", "1.50", "é", "e\u0301", "'", "NULL", "\n"])),
        "at": st.one_of(st.none(), st.datetimes().map(lambda moment: moment.replace(tzinfo=None))),
    }
)
KEYED = st.lists(ROW, max_size=8, unique_by=lambda row: row["id"])


def dataset(**more: Any) -> Dataset:
    return Dataset.model_validate({"name": "r", "source": {"csv": "data/r.csv"}, **more})


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def plain(rows: pa.Table) -> Counter[tuple[Any, ...]]:
    return Counter(tuple(row.values()) for row in rows.to_pylist())


@given(KEYED, KEYED, st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_are_matched_by_their_key(tmp_path: Path, before: list[dict[str, Any]], now: list[dict[str, Any]], shuffle: Any) -> None:
    now = now + [row for row in before if row["id"] not in {one["id"] for one in now}][:3]
    shuffle.shuffle(now)
    store = open_store(str(tmp_path / "store"))
    found = change_of(dataset(primary_key=["id"]), store, store.write("r", None, table(before)), table(now), None)
    old, new = ({row["id"]: tuple(row.values()) for row in table(rows).to_pylist()} for rows in (before, now))
    altered = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    assert (found.added, found.removed, found.altered) == (len(new.keys() - old.keys()), len(old.keys() - new.keys()), len(altered))
    places = {position for key in altered for position in range(4) if old[key][position] != new[key][position]}
    assert found.columns == tuple(name for position, name in enumerate(SCHEMA.names) if position in places)
    assert bool(found) == (plain(table(before)) != plain(table(now)))


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_without_a_key_rows_are_counted_as_often_as_they_are_there(
    tmp_path: Path, rows: list[dict[str, Any]], more: list[dict[str, Any]]
) -> None:
    store = open_store(str(tmp_path / "store"))
    before, now = table(rows + rows[:2]), table(rows[1:] + more)
    found = change_of(dataset(), store, store.write("r", None, before), now, None)
    gone, fresh = plain(before) - plain(now), plain(now) - plain(before)
    assert (found.added, found.removed, found.altered) == (fresh.total(), gone.total(), 0)


def test_a_column_of_another_type_and_one_that_is_new_are_named(project: Project) -> None:
    before = project.store.write("r", None, pa.table({"id": [1, 2], "x": [1.0, 2.0]}))
    now = pa.table({"id": [1, 2], "x": ["1.0", "2.5"], "y": [None, 1]})
    found = change_of(dataset(primary_key=["id"]), project.store, before, now, None)
    assert (found.altered, found.columns) == (1, ("x", "y"))
    assert describe(found.to_json()) == "1 row altered; values of x, y"


def test_rows_that_are_set_aside_differently_are_a_change(project: Project) -> None:
    rules = dataset(columns={"v": {"type": "int64", "ge": 0}}, on_invalid="quarantine", max_invalid=0.9)

    def again(text: str) -> Any:
        project.write("data/r.csv", text)

        def note(*given: Any) -> Any:
            return noted(rules, project.store, *given)

        (done,) = ingest(rules, None, project.store, project.context, note=note)
        return done

    first = again("v\n1\n-1\n-2\n")
    assert again("v\n1\n-2\n-1\n").manifest == first.manifest
    assert again("v\n1\n-1\n").manifest.note == {"added": 0, "removed": 0, "altered": 0, "columns": [], "quarantined": [2, 1]}
    assert again("v\n1\n-5\n").manifest.note == {"added": 0, "removed": 0, "altered": 0, "columns": [], "quarantined": [1, 1]}


def test_rows_that_were_lost_are_found_also_where_the_version_before_would_stay(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = dataset()
    project.write("data/r.csv", "v\n1\n2\n")
    project.ingest(rules)
    from mlops_assets.data.ingest.origins import Origins

    monkeypatch.setattr(Origins, "read", property(lambda self: self.rows + 1))
    with pytest.raises(StoreError, match="3 rows were read, but 2 are stored"):
        list(ingest(rules, None, project.store, project.context, note=lambda *given: noted(rules, project.store, *given)))


def test_files_are_compared_by_what_is_in_them(project: Project) -> None:
    files = dataset(source={"csv": "data/*.csv"})
    for name in "abc":
        project.write(f"data/{name}.csv", f"v\n{name}\n")
    (done,) = project.ingest(files)
    assert done.manifest.read_from is not None
    then = project.store.get_record("source", done.manifest.read_from["digest"])["files"]
    assert not FilesNow(files, project.context).changes(None, then)
    project.write("data/a.csv", "v\nz\n")
    (project.folder / "data/b.csv").unlink()
    project.write("data/d.csv", "v\nd\n")
    found = FilesNow(files, project.context).changes(None, then)
    assert found.to_json() == {"changed": ["data/a.csv"], "removed": ["data/b.csv"], "added": ["data/d.csv"]}
