"""The journal under full disks and kills, and its compaction to Parquet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.data.store import Store, open_store
from mlops_assets.monitoring.columns import AS_OF, KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET, VERSION
from mlops_assets.serving.compaction import by_day, compact
from mlops_assets.serving.identifiers import id_maker, is_id, milliseconds_of
from mlops_assets.serving.journal import Journal, PredictionLine
from mlops_assets.serving.segments import backlog

FEATURES = [["age", "int64"], ["income", "float64"], ["job", "category"], ["seen", "datetime"], ["born", "date"], ["member", "bool"]]
ROW = {"person": 7, "age": 40, "income": None, "job": "baker", "seen": "2026-01-31T12:00:00Z", "born": "1986-01-31", "member": True}
MORNING = int(datetime(2026, 1, 31, 8, tzinfo=UTC).timestamp() * 1e6)
DAY = 86_400_000_000
new_ids = id_maker()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def line(journal: Journal, identifier: str | None = None, at: int = MORNING, variant: str = "champion", **more: Any) -> str:
    made = identifier or new_ids(1)[0]
    fields: dict[str, Any] = {"version": 1, "row": ROW, "prediction": 0.5, "as_of": None, **more}
    row, prediction = fields["row"], fields["prediction"]
    as_of = [fields["as_of"]] if fields["as_of"] else None
    record = PredictionLine("predictions", [made], at, "m", fields["version"], variant, "app", ["7"], [row], [prediction], 90, as_of)
    journal.add(journal.encode(record))
    return made


def opened(folder: Path, **options: Any) -> Journal:
    journal = Journal(folder, **options)
    journal.describe("m", 1, "binary_classification", FEATURES, ["person"], [False, True])
    return journal


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def test_lines_become_rows_with_the_features_as_they_were_used(tmp_path: Path, store: Store) -> None:
    journal = opened(tmp_path / "journal")
    first = line(journal)
    late = line(journal, at=MORNING + 5, as_of={"a": MORNING - DAY, "b": MORNING - 2 * DAY}, row={**ROW, "person": 8})
    tomorrow = line(journal, at=MORNING + DAY)
    line(journal, first, at=MORNING + 9, variant="shadow", prediction=0.9)
    journal.add(journal.encode(["error", new_ids(1)[0], MORNING, "m", 1, "champion", "timeout"]))
    journal.add(journal.encode(["outcome", first, MORNING + DAY, "m", True, "app", MORNING + 60]))
    journal.stop()
    done = compact(tmp_path / "journal", store)
    assert [(one.asset, one.partition, one.rows) for one in done.partitions] == [
        ("m/feedback", "2026-02-01", 1),
        ("m/prediction_errors", "2026-01-31", 1),
        ("m/predictions", "2026-01-31", 2),
        ("m/predictions", "2026-02-01", 1),
        ("m/shadow_predictions", "2026-01-31", 1),
    ]
    table = store.read(store.current("m/predictions", "2026-01-31"))
    assert table.column(PREDICTION_ID).to_pylist() == [first, late]
    row = table.to_pylist()[0]
    assert (row[VERSION], row[SCORE], row[AS_OF], row["person"], row["__variant"]) == (1, 0.5, None, 7, "champion")
    assert row[PREDICTED_AT] == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert (row["age"], row["income"], row["job"], row["member"]) == (40, None, "baker", True)
    assert (row["seen"], str(row["born"])) == (datetime(2026, 1, 31, 12, tzinfo=UTC), "1986-01-31")
    assert table.to_pylist()[1][AS_OF] == datetime(2026, 1, 29, 8, tzinfo=UTC), "the oldest features that were used"
    feedback = store.read(store.current("m/feedback", "2026-02-01")).to_pylist()[0]
    assert (feedback[PREDICTION_ID], feedback[TARGET], feedback[KNOWN_AT]) == (first, True, datetime(2026, 1, 31, 8, 0, 0, 60, tzinfo=UTC))
    assert store.read(store.current("m/predictions", "2026-02-01")).column(PREDICTION_ID).to_pylist() == [tomorrow]
    assert not segments(tmp_path / "journal")


def test_segments_that_are_being_written_are_left_alone(tmp_path: Path, store: Store) -> None:
    journal = opened(tmp_path / "journal")
    line(journal)
    journal.flush()
    done = compact(tmp_path / "journal", store)
    assert (done.segments, done.open) == (0, 1)
    assert backlog(tmp_path / "journal")[0] == 1
    journal.stop()
    assert compact(tmp_path / "journal", store).segments == 1


def test_rows_are_known_by_their_id_so_that_reading_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    journal = opened(tmp_path / "journal")
    for index in range(20):
        line(journal, at=MORNING + index)
    journal.stop()
    (segment,) = segments(tmp_path / "journal")
    content = segment.read_bytes()
    (first,) = compact(tmp_path / "journal", store).partitions
    segment.write_bytes(content)
    (again,) = compact(tmp_path / "journal", store).partitions
    assert (again.digest, again.rows, again.added) == (first.digest, 20, 0)


def test_a_compaction_that_is_killed_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    url = str(tmp_path / "store")
    made = []
    for part in range(3):
        journal = opened(tmp_path / "journal")
        made += [line(journal, at=MORNING + part * DAY + index) for index in range(200)]
        journal.stop()
    program = (
        "import sys; from pathlib import Path; from mlops_assets.data.store import open_store;"
        "from mlops_assets.serving import compaction; from mlops_assets.data.store.store import Store;"
        "write = Store.write; count = [0]\n"
        "def dying(self, *a, **k):\n"
        "    count[0] += 1\n"
        "    if count[0] > 1: import os; os.kill(os.getpid(), 9)\n"
        "    return write(self, *a, **k)\n"
        "Store.write = dying\n"
        "compaction.compact(Path(sys.argv[1]), open_store(sys.argv[2]))"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "journal"), url], check=False)
    assert killed.returncode == -9
    assert len(segments(tmp_path / "journal")) == 3, "nothing is removed before all of it is in the store"
    store = open_store(url)
    assert store.partitions("m/predictions") == ["2026-01-31"]
    compact(tmp_path / "journal", store)
    found = [
        one for key in store.partitions("m/predictions") for one in store.read(store.current("m/predictions", key)).column(0).to_pylist()
    ]
    assert sorted(found) == sorted(made)
    assert not segments(tmp_path / "journal")


def test_two_compactions_at_once_do_not_meet(tmp_path: Path, store: Store) -> None:
    from concurrent.futures import ThreadPoolExecutor

    journal = opened(tmp_path / "journal")
    for index in range(500):
        line(journal, at=MORNING + index)
    journal.stop()
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: compact(tmp_path / "journal", store), range(4)))
    assert sum(one.segments for one in done) == 1
    assert store.current("m/predictions", "2026-01-31").rows == 500


def test_a_line_that_was_cut_by_a_kill_is_counted_and_the_rest_is_read(tmp_path: Path, store: Store) -> None:
    journal = opened(tmp_path / "journal")
    line(journal)
    journal.stop()
    (segment,) = segments(tmp_path / "journal")
    with segment.open("ab") as stream:
        stream.write(b'["predictions",["01a1')
    done = compact(tmp_path / "journal", store)
    assert done.torn == 1
    assert done.partitions[0].rows == 1


def test_a_newer_version_with_other_features_stands_in_the_same_table(tmp_path: Path, store: Store) -> None:
    journal = opened(tmp_path / "journal")
    journal.describe(
        "m", 2, "binary_classification", [["age", "float64"], ["job", "int64"], ["height", "float64"]], ["person"], [False, True]
    )
    line(journal)
    line(journal, version=2, row={"person": "p-9", "age": 1.5, "job": 3, "height": 1.8})
    journal.stop()
    compact(tmp_path / "journal", store)
    rows = store.read(store.current("m/predictions", "2026-01-31")).to_pylist()
    assert {(row["age"], row["job"], row["height"], row["person"]) for row in rows} == {(40.0, "baker", None, "7"), (1.5, "3", 1.8, "p-9")}


def test_predictions_of_many_classes_are_lists_and_a_calendar_may_be_coarser(tmp_path: Path, store: Store) -> None:
    journal = Journal(tmp_path / "journal")
    journal.describe("m", 1, "multiclass_classification", FEATURES, ["person"], ["a", "b"])
    line(journal, prediction=[0.25, 0.75])
    journal.stop()
    compact(tmp_path / "journal", store, calendar=lambda model, moment: moment.strftime("%Y-%m-01"))
    assert store.read(store.current("m/predictions", "2026-01-01")).column(SCORE).to_pylist() == [[0.25, 0.75]]
    assert by_day("m", datetime(2026, 1, 31, 23, tzinfo=UTC)) == "2026-01-31"


def test_a_full_disk_is_counted_stops_nothing_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path / "journal", flush=0.02, limit=20_000)
    before = line(journal)
    journal.flush()
    real, full = os.write, [True]

    def write(file: int, content: Any) -> int:
        if full[0]:
            if len(content) > 10:
                real(file, bytes(content)[:10])
            raise OSError(28, "No space left on device")
        return real(file, content)

    monkeypatch.setattr(os, "write", write)
    journal.start()
    began = time.perf_counter()
    made = [line(journal) for _ in range(500)]
    assert time.perf_counter() - began < 1, "adding never waits"
    time.sleep(0.2)
    assert journal.failures > 0
    assert "No space left" in journal.failing
    assert journal.dropped > 0
    assert journal.lag > 0.1
    assert journal.waiting <= 20_000
    full[0] = False
    time.sleep(0.2)
    after = line(journal)
    journal.stop()
    (segment,) = segments(tmp_path / "journal")
    lines = [json.loads(text) for text in segment.read_text().splitlines()]
    kept = [made for one in lines if one[0] == "predictions" for made in one[1]]
    assert kept == [before, *made[: 500 - journal.dropped], after], "whole lines, in order, but for those that were counted"
    assert journal.waiting == 0


def test_segments_are_closed_by_size_and_by_age_and_each_can_be_read_alone(tmp_path: Path) -> None:
    journal = opened(tmp_path / "journal", flush=0.01, segment=2000, rotate=100)
    journal.start()
    for _ in range(5):
        for _ in range(10):
            line(journal)
        time.sleep(0.05)
    journal.stop()
    files = segments(tmp_path / "journal")
    assert len(files) >= 3
    assert all(json.loads(file.read_text().splitlines()[0])[0] == "version" for file in files)
    aging = opened(tmp_path / "aging", flush=0.01, rotate=0.05)
    aging.start()
    line(aging)
    time.sleep(0.3)
    line(aging)
    time.sleep(0.1)
    aging.stop()
    assert len(segments(tmp_path / "aging")) == 2


def test_a_server_whose_disk_is_full_from_the_start_still_answers(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    journal = opened(blocked / "journal", flush=0.01)
    journal.start()
    line(journal)
    time.sleep(0.1)
    assert journal.failures > 0
    journal.stop()


def test_ids_are_uuid_7_sort_by_time_and_do_not_repeat() -> None:
    import uuid

    made = [one for _ in range(20) for one in new_ids(1000)]
    assert len(set(made)) == 20_000
    assert all(is_id(one) for one in made)
    parsed = uuid.UUID(made[0])
    assert (parsed.variant, parsed.version) == (uuid.RFC_4122, 7)
    assert abs(milliseconds_of(made[0]) - time.time() * 1000) < 60_000
    assert milliseconds_of(made[0]) <= milliseconds_of(made[-1])
    assert not is_id("01a1fb94-5c8b-4032-92c5-f22da57ba408")
