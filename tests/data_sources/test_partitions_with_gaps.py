"""Partitions that do not follow one another are read from files of their own without those between."""

from __future__ import annotations

from mlops_assets.spec import Dataset
from tests.ingesting import Project

DAILY = Dataset.model_validate(
    {"name": "r", "source": {"csv": "data/{partition}.csv"}, "partitions": {"every": "day", "start": "2024-01-01"}, "event_time": "t"}
)


def test_at_the_first_read_and_at_later_ones_where_a_file_between_is_gone(project: Project) -> None:
    for day in range(1, 6):
        project.write(f"data/2024-01-0{day}.csv", f"t,v\n2024-01-0{day},{day}\n")
    project.ingest(DAILY, ["2024-01-01", "2024-01-03"])
    (project.folder / "data" / "2024-01-04.csv").unlink()
    done = project.ingest(DAILY, ["2024-01-01", "2024-01-03", "2024-01-05"])
    assert [(item.key, item.rows, item.changed) for item in done] == [
        ("2024-01-01", 1, False),
        ("2024-01-03", 1, False),
        ("2024-01-05", 1, True),
    ]
    assert [row["v"] for key in ("2024-01-01", "2024-01-03", "2024-01-05") for row in project.rows(DAILY, key)] == [1, 3, 5]
    assert project.store.partitions("r") == ["2024-01-01", "2024-01-03", "2024-01-05"]
