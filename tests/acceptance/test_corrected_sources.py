"""A source that was corrected after it was read: it is noticed, told exactly, read again by one command, and nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import Answer, Project

DAYS = [f"2024-01-{day:02}" for day in range(1, 9)]
AS_OF = "2024-01-09"
DEFINITION = """
type: mlops_assets.Dataset
attributes:
  name: r
  source: {SOURCE}
  partitions: {every: day, start: 2024-01-01, end: 2024-01-20}
  event_time: t
  primary_key: [id]
---
type: mlops_assets.Model
attributes:
  name: m
  task: regression
  examples: {from: r, target: y, exclude: [id], label_delay: 1d}
  training: {window: 8d, holdout: 2d, estimator: {lightgbm: {num_leaves: 2, num_boost_round: 2}}}
"""

Row = dict[str, Any]


def rows_of(day: str) -> list[Row]:
    """Three rows of a day."""
    number = DAYS.index(day) * 3 if day in DAYS else 100
    return [{"id": number + n, "t": f"{day}T0{n}:00:00", "v": float(number + n), "y": float(n)} for n in range(3)]


def csv(rows: list[Row]) -> str:
    return "id,t,v,y\n" + "".join(f"{row['id']},{row['t']},{row['v']},{row['y']}\n" for row in rows)


def lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def every_row() -> list[Row]:
    return [row for day in DAYS for row in rows_of(day)]


@pytest.fixture
def made(new_project: Callable[[], Project]) -> Callable[..., Project]:
    """A project whose model was run once and read eight days."""

    def make(source: str, files: Mapping[str, str | pa.Table], definition: str = DEFINITION) -> Project:
        project = new_project()
        project.declare("m", definition.replace("{SOURCE}", source).lstrip("\n"))
        for path, content in files.items():
            put(project, path, content)
        answer = project.mlops("run", "m", "--as-of", AS_OF, "--json")
        assert answer.document.get("sources") == [], answer.text
        assert project.store.partitions("r") == DAYS
        return project

    return make


def put(project: Project, path: str, content: str | pa.Table) -> None:
    if isinstance(content, str):
        project.put(path, content)
        return
    (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, project.folder / path)


def differing(answer: Answer) -> dict[str, tuple[int, int, int, list[str]]]:
    """What a status says: partition to rows added, removed, altered, and columns."""
    found = [one for source in answer.document["sources"] for one in source["differing"]]
    return {one["partition"]: (one["added"], one["removed"], one["altered"], one["columns"]) for one in found}


def status(project: Project) -> dict[str, tuple[int, int, int, list[str]]]:
    return differing(project.mlops("status", "m", "--json"))


def versions(project: Project) -> dict[str, str]:
    return {str(key): manifest.digest for key, manifest in project.store.window("r", DAYS).items()}


def refreshed(project: Project, *words: str, code: int = 0) -> dict[str, Any]:
    answer = project.mlops("refresh", "r", *words, "--json")
    assert answer.code == code, answer.text
    return answer.document


def test_a_file_to_which_rows_are_appended_every_day_names_the_day_that_was_changed_and_no_other(made: Callable[..., Project]) -> None:
    project = made("{csv: data/r.csv}", {"data/r.csv": csv(every_row())})
    file, before = project.folder / "data" / "r.csv", versions(project)
    file.touch()
    assert status(project) == {}
    copied = shutil.copy(file, file.with_suffix(".copy"))
    Path(copied).replace(file)
    assert status(project) == {}

    rows = every_row() + rows_of("2024-01-09")
    project.put("data/r.csv", csv(rows))
    assert status(project) == {}
    assert project.store.get_pointer("reads/r") is not None, "what was compared once is remembered"

    seen = file.stat()
    text = file.read_text()
    file.write_text(text.replace("4,2024-01-02T01:00:00,4.0", "4,2024-01-02T01:00:00,7.0"))
    os.utime(file, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)
    assert status(project) == {"2024-01-02": (0, 0, 1, ["v"])}

    trained = project.store.current("m/training_set", AS_OF)
    run = project.mlops("run", "m", "--as-of", AS_OF, "--json")
    assert differing(run) == {"2024-01-02": (0, 0, 1, ["v"])}
    told = [line for line in run.err.splitlines() if "no longer what was read" in line]
    assert len(told) == 1
    assert "2024-01-02 (1 row altered; values of v)" in told[0]
    assert "`mlops refresh r --from 2024-01-02 --to 2024-01-02`" in told[0]
    assert versions(project) == before, "a run never reads old partitions again by itself"

    document = refreshed(project)
    assert (document["read"], document["changed"]) == (8, 1)
    assert [one["model"] for one in document["models"]] == ["m"]
    assert [key for key, digest in versions(project).items() if before[key] != digest] == ["2024-01-02"]
    assert project.store.current("m/training_set", AS_OF) == trained, "no model is trained by a refresh"
    history = project.mlops("store", "history", "r", "2024-01-02", "--json").document["versions"]
    assert [one["note"] for one in history] == [{}, {"added": 0, "removed": 0, "altered": 1, "columns": ["v"]}]
    assert "1 row altered; values of v" in project.mlops("store", "history", "r", "2024-01-02").text
    assert status(project) == {}
    again = project.mlops("refresh", "r")
    assert again.code == 0
    assert "8 partitions read again; nothing changed" in again.text
    assert project.mlops("store", "verify", "--source").code == 0


def test_a_run_with_refresh_reads_again_what_was_corrected_and_trains_on_it(made: Callable[..., Project]) -> None:
    project = made("{csv: data/r.csv}", {"data/r.csv": csv(every_row())})
    before = versions(project)
    project.put("data/r.csv", csv([row for row in every_row() if row["id"] != 7]))
    run = project.mlops("run", "m", "--as-of", AS_OF, "--refresh", "--json").document
    (document,) = run["refreshed"]
    assert (document["read"], document["changed"]) == (1, 1)
    assert [key for key, digest in versions(project).items() if before[key] != digest] == ["2024-01-03"]
    assert run["data_versions"]["r@2024-01-03"] == versions(project)["2024-01-03"]


def test_json_lines_in_a_glob_late_rows_of_an_old_day_in_a_new_file_are_found_and_other_new_files_are_quiet(
    made: Callable[..., Project],
) -> None:
    files = {f"data/in/{day}.jsonl": lines(rows_of(day)) for day in DAYS}
    project = made('{json: "data/in/*.jsonl"}', files)
    project.put("data/in/2024-01-09.jsonl", lines(rows_of("2024-01-09")))
    assert status(project) == {}
    late = {"id": 500, "t": "2024-01-04T09:00:00", "v": 1.0, "y": 1.0}
    project.put("data/in/late.jsonl", lines([late, *rows_of("2024-01-10")]))
    assert status(project) == {"2024-01-04": (1, 0, 0, [])}
    (project.folder / "data/in/2024-01-06.jsonl").unlink()
    assert status(project) == {"2024-01-04": (1, 0, 0, []), "2024-01-06": (0, 3, 0, [])}
    assert project.mlops("store", "verify", "--source", "r").code == 1


def test_a_parquet_file_of_each_partition_is_compared_alone_and_one_that_is_gone_is_named(made: Callable[..., Project]) -> None:
    tables = {day: pa.Table.from_pylist(rows_of(day)) for day in DAYS}
    project = made('{parquet: "data/{partition}.parquet"}', {f"data/{day}.parquet": table for day, table in tables.items()})
    pq.write_table(tables["2024-01-03"], project.folder / "data/2024-01-03.parquet", compression="gzip")
    assert status(project) == {}, "other bytes, the same rows"
    shuffled = tables["2024-01-07"].take([2, 0, 1])
    pq.write_table(shuffled, project.folder / "data/2024-01-07.parquet")
    changed = tables["2024-01-05"].to_pylist()
    changed[1]["y"] = 9.0
    put(project, "data/2024-01-05.parquet", pa.Table.from_pylist(changed))
    (project.folder / "data/2024-01-02.parquet").unlink()
    answer = project.mlops("status", "m", "--json")
    assert differing(answer) == {"2024-01-02": (0, 0, 0, []), "2024-01-05": (0, 0, 1, ["y"])}
    assert "data/2024-01-02.parquet is gone" in answer.document["sources"][0]["text"]

    before = versions(project)
    document = refreshed(project, code=2)
    assert [one["partition"] for one in document["unreadable"]] == ["2024-01-02"]
    assert (document["read"], document["changed"]) == (7, 1)
    assert versions(project) == before | {"2024-01-05": versions(project)["2024-01-05"]}
    wrong = project.mlops("refresh", "r", "--from", "2024-01-02", "--to", "2024-01-02")
    assert (wrong.code, "partition 2024-01-02 cannot be read again" in wrong.text) == (2, True)


def test_rows_that_break_the_rules_now_leave_the_version_of_before(made: Callable[..., Project]) -> None:
    project = made("{csv: data/r.csv}", {"data/r.csv": csv(every_row())})
    before = versions(project)
    text = (project.folder / "data/r.csv").read_text()
    project.put(
        "data/r.csv", text.replace("4,2024-01-02T01:00:00,4.0", "3,2024-01-02T01:00:00,4.0").replace("20,2024-01-07", "21,2024-01-07")
    )
    answer = project.mlops("status", "m", "--json")
    assert [(one["partition"], "primary key" in (one["problem"] or "")) for one in answer.document["sources"][0]["differing"]] == [
        ("2024-01-02", True),
        ("2024-01-07", False),
    ]
    document = refreshed(project, code=1)
    assert "primary key" in document["failures"][0]
    after = versions(project)
    assert after["2024-01-02"] == before["2024-01-02"]
    assert after["2024-01-07"] != before["2024-01-07"]


def test_without_a_key_rows_are_told_as_added_and_removed(made: Callable[..., Project]) -> None:
    definition = DEFINITION.replace("  primary_key: [id]\n", "")
    project = made("{csv: data/r.csv}", {"data/r.csv": csv(every_row())}, definition)
    text = (project.folder / "data/r.csv").read_text()
    project.put("data/r.csv", text.replace("4,2024-01-02T01:00:00,4.0,1.0", "4,2024-01-02T01:00:00,4.0,3.0"))
    assert status(project) == {"2024-01-02": (1, 1, 0, ["y"])}


def test_what_prepare_makes_of_the_rows_is_compared(made: Callable[..., Project], new_project: Callable[[], Project]) -> None:
    definition = DEFINITION.replace("  event_time: t\n", "  event_time: t\n  prepare: .fn:prepare\n")
    project = new_project()
    code = "def prepare(frame):\n    return frame.drop(columns=['extra'])\n"
    project.declare("m", definition.replace("{SOURCE}", "{csv: data/r.csv}").lstrip("\n"), fn_py=code)
    text = csv(every_row())
    extra = "\n".join(f"{line},{'extra' if number == 0 else number}" for number, line in enumerate(text.splitlines())) + "\n"
    project.put("data/r.csv", extra)
    project.mlops("run", "m", "--as-of", AS_OF, "--json")
    assert project.store.partitions("r") == DAYS
    project.put("data/r.csv", extra.replace(",5\n", ",55\n"))
    assert status(project) == {}, "the column that prepare drops is nothing that is stored"
    project.put("data/r.csv", extra.replace("4,2024-01-02T01:00:00,4.0", "4,2024-01-02T01:00:00,5.0"))
    assert status(project) == {"2024-01-02": (0, 0, 1, ["v"])}


def test_what_cannot_be_read_again_is_refused_with_2(made: Callable[..., Project]) -> None:
    project = made("{csv: data/r.csv}", {"data/r.csv": csv(every_row())})
    for words, said in (
        (("rr",), "there is no data set 'rr'. Valid: r. Did you mean 'r'?"),
        (("r", "--from", "2024-01-15"), "no partition from 2024-01-15 to 2024-01-08 is stored"),
        (("r", "--from", "soon"), "'soon' is not a date"),
        (("r", "--from", "2024-01-05", "--to", "2024-01-02"), "no partition from 2024-01-05 to 2024-01-02 is stored"),
    ):
        answer = project.mlops("refresh", *words)
        assert (answer.code, said in answer.text) == (2, True), answer.text
        assert "Traceback" not in answer.text
    snapshots = DEFINITION[: DEFINITION.index("---")].replace("{SOURCE}", "{csv: data/s.csv}").replace("name: r", "name: s")
    snapshots = snapshots.replace("  event_time: t\n", "  kind: snapshot\n").replace(", end: 2024-01-20", "")
    project.declare("s", snapshots.lstrip("\n"))
    project.put("data/s.csv", csv(rows_of(DAYS[0])))
    project.store.write("s", "2024-01-01", pa.Table.from_pylist(rows_of(DAYS[0])))
    answer = project.mlops("refresh", "s")
    assert (answer.code, "its source shows only how the table is now" in answer.text) == (2, True)
    verified = project.mlops("store", "verify", "--source", "s", "--json")
    assert verified.code == 0
    assert verified.document["datasets"][0]["not_verifiable"][0]["partition"] == "2024-01-01"


def test_a_table_without_partitions_that_a_run_reads_again_is_told_where_it_changed(new_project: Callable[[], Project]) -> None:
    from .tables import EXAMPLES, rows

    project = new_project()
    project.declare("m", EXAMPLES.lstrip("\n"))
    project.put("data/rows.csv", rows(60))
    assert project.mlops("run", "m", "--json").document["sources"] == []
    text = (project.folder / "data/rows.csv").read_text().splitlines()
    project.put("data/rows.csv", "\n".join([*text[:-1], "777,0.5,0.1,1"]) + "\n")
    assert "the source of the table is no longer what was read: 1 row added, 1 row removed" in project.mlops("status", "m").text
    run = project.mlops("run", "m", "--json")
    assert [(one["dataset"], one["note"]["added"], one["note"]["removed"]) for one in run.document["sources"]] == [("rows", 1, 1)]
    assert "rows is not what it was when it was read before: 1 row added, 1 row removed" in run.err
    assert project.mlops("run", "m", "--json").document["sources"] == []


def test_a_database_says_nothing_until_it_is_read_again(made: Callable[..., Project], tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("create table r (id integer, t text, v real, y real)")
        database.executemany("insert into r values (:id, :t, :v, :y)", every_row())
    project = made(f'{{sql: {{url: "sqlite:///{file}", query: "select * from r where t >= :start and t < :end"}}}}', {})
    before = versions(project)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("update r set v = 50 where id = 4")
        database.execute("delete from r where id = 10")
    assert status(project) == {}
    run = project.mlops("run", "m", "--as-of", AS_OF, "--json").document
    assert (run["sources"], run["refreshed"], versions(project)) == ([], [], before)
    found = project.mlops("store", "verify", "--source", "r", "--json").document["datasets"][0]["differing"]
    assert [(one["partition"], one["removed"], one["altered"], one["files"]) for one in found] == [
        ("2024-01-02", 0, 1, "no file"),
        ("2024-01-04", 1, 0, "no file"),
    ]
    (document,) = project.mlops("run", "m", "--as-of", AS_OF, "--refresh", "--json").document["refreshed"]
    assert (document["read"], document["changed"]) == (8, 2)
    assert [key for key, digest in versions(project).items() if before[key] != digest] == ["2024-01-02", "2024-01-04"]
