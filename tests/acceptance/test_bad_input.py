"""Every kind of bad input, through the command line: what is said, how it ends, and what stays current."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_assets.data.store import verify

from .conftest import Project
from .tables import EXAMPLES, FULL, orders, rows

AS_OF = ("run", "m", "--as-of", "2026-02-15")
URL = "{url: {url: https://example.org/rows.csv, sha256: " + "a" * 64 + "}}"
PREPARED = EXAMPLES.replace("  primary_key: id", "  primary_key: id\n  prepare: .fn:prepare")
QUERY = FULL[FULL.index("  sql: |") : FULL.index("---\ntype: mlops_assets.Model")]
IN_PYTHON = FULL.replace(QUERY, "  python: .fn:features\n")


@pytest.mark.parametrize(
    "text, line, words",
    [
        (EXAMPLES.replace("holdout: 30%", "holdot: 30%"), 17, ["unknown key 'holdot'", "Did you mean `holdout`?", "Valid: every, window"]),
        (EXAMPLES.replace("target: y", "target: yy"), 16, ["rows has no column 'yy'", "Did you mean `y`?", "Valid: id, a, b, y"]),
        (EXAMPLES.replace("type: float64, ge: -100", "type: float46, ge: -100"), 8, ["found 'float46'", "Did you mean `float64`?"]),
        (EXAMPLES.replace("holdout: 30%", "holdout: [a]"), 17, ["training.holdout", "a share such as 5%"]),
        (FULL.replace("rfm.*", "rfm.frequncy"), 31, ["rfm has no column 'frequncy'", "Did you mean `frequency`?"]),
        (FULL.replace("from orders group by customer\n---", "from ordrs group by customer\n---"), 22, ["reads 'ordrs'", "`orders`"]),
        (FULL.replace("select customer, count", "selec customer, count"), 22, ["begins with select or with"]),
        (PREPARED, 6, ["prepare", "fn.py"]),
    ],
    ids=["unknown key", "misspelt column", "wrong type", "wrong value", "feature", "table", "syntax", "function"],
)
def test_a_mistake_in_a_file_is_told_with_its_line_and_nothing_runs(project: Project, text: str, line: int, words: list[str]) -> None:
    project.declare("m", text.lstrip("\n"))
    project.put("data/rows.csv", rows(9))
    for command, code in ((("check",), 1), (("run", "m"), 2)):
        answer = project.mlops(*command)
        assert answer.code == code
        assert f"definitions/m/defs.yaml:{line}: error: " in answer.text
        assert [word for word in words if word not in answer.text] == []
    assert project.store.assets() == []


@pytest.mark.parametrize(
    "text, data, function, words",
    [
        (EXAMPLES, None, "", ["data/rows.csv", "there is no such file", "Paths are relative to the project"]),
        (EXAMPLES.replace("{csv: data/rows.csv}", URL), rows(9), "", ["has sha256", "aaaa is declared", "declare its sha256"]),
        (EXAMPLES.replace("    b:", "    bb:"), rows(9), "", ["no column 'bb'", "Valid: id, a, b, y", "Did you mean 'b'?"]),
        (EXAMPLES, rows(9) + "9,abc,1,0\n", "", ["1 of 10 rows break a rule", "'type float64'", "row 10: abc", "on_invalid: quarantine"]),
        (EXAMPLES, rows(9, invalid=9), "", ["all 9 rows break a rule", "'ge -100'", "-999"]),
        (EXAMPLES.replace("  columns", "  on_invalid: quarantine\n  columns", 1), rows(9, invalid=9), "", ["all 9 rows break a rule"]),
        (EXAMPLES, rows(9, repeated=2), "", ["2 of 9 rows", "'primary key'", "row 2, 3: 0, 0"]),
        (PREPARED, rows(9), "def prepare(frame):\n    return frame['gone']\n", ["fn.py:2", "raised KeyError: 'gone'"]),
        (PREPARED, rows(9), "def prepare(frame):\n    return frame[['id', 'a']]\n", ["no column 'b', 'y'", "Valid: id, a"]),
        (PREPARED, rows(9), "def prepare(frame):\n    pass\n", ["fn.py:1", "returned NoneType", "pandas.DataFrame"]),
    ],
    ids=["no file", "sha256", "no column", "type", "all invalid", "all quarantined", "keys", "raises", "columns", "nothing"],
)
def test_rows_that_cannot_be_taken_end_with_two(
    project: Project, monkeypatch: pytest.MonkeyPatch, text: str, data: str | None, function: str, words: list[str]
) -> None:
    monkeypatch.setenv("MLOPS_MIRROR", "data")
    files = {"fn_py": function} if function else {}
    project.declare("m", text, **files)
    if data is not None:
        project.put("data/rows.csv", data)
    answer = project.mlops("run", "m")
    assert answer.code == 2
    assert "no candidate: rows failed: " in answer.text
    assert [word for word in words if word not in answer.text] == []
    assert "Traceback" not in answer.text
    assert project.store.current("rows", None) is None


@pytest.mark.parametrize(
    "data, words",
    [
        ("id,a,b,y\n", ["rows failed", "volume", "0 rows"]),
        (rows(60, one_class=True), ["'y' has only the value True in 60 rows", "nothing to tell apart", "Nothing was trained"]),
    ],
    ids=["no rows", "one class"],
)
def test_rows_from_which_nothing_can_be_learned_say_so(project: Project, data: str, words: list[str]) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", data)
    answer = project.mlops("run", "m")
    assert answer.code == 2
    assert [word for word in words if word not in answer.text] == []


def test_a_bad_delivery_leaves_the_good_version_current_and_claims_nothing_of_the_run_before(project: Project) -> None:
    project.declare("m", EXAMPLES)
    project.put("data/rows.csv", rows(without_b=True))
    good = project.mlops("run", "m", "--json")
    assert good.code == 0
    assert good.document["version"] == 1
    before = project.store.current("rows", None)
    project.put("data/rows.csv", rows(invalid=300))
    bad = project.mlops("run", "m", "--json")
    assert bad.code == 2
    document = bad.document
    assert document["version"] is document["verdict"] is document["digests"]["bundle"] is None
    assert "300 of 600 rows break a rule" in document["failure"]
    after = project.store.current("rows", None)
    assert before is not None
    assert after == before
    assert project.store.read(after).num_rows == 600
    assert verify(project.store) == []


@pytest.mark.parametrize(
    "text, function, words",
    [
        (FULL.replace("sum(amount)", "sum(amout)"), "", ["rfm.sql, line 1", "no column 'amout'", "Did you mean 'amount'?"]),
        (FULL.replace("sum(amount)", "cast('x' as int)"), "", ["rfm.sql, line 1", "Could not convert string 'x'"]),
        (FULL.replace("from orders group", "from read_csv('data/orders.csv') group", 1), "", ["read_csv() may not be called"]),
        (FULL.replace("group by customer\n---", "group by customer, ordered\n---"), "", ["customer=", "has more than one", "GROUP BY"]),
        (IN_PYTHON, "def features(tables, as_of):\n    return tables['orders']['x']\n", ["raised KeyError", "fn.py:2", "(tables, as_of)"]),
        (IN_PYTHON, "def features(tables):\n    pass\n", ["raised TypeError", "fn.py:1", "(tables, as_of)"]),
        (
            IN_PYTHON,
            "def features(tables, as_of):\n    return tables['orders'].groupby('amount', as_index=False).agg(n=('ordered', 'count'))\n",
            ["no entity column 'customer'", "amount, n"],
        ),
    ],
    ids=["column", "cast", "file", "two rows", "raises", "arguments", "columns"],
)
def test_features_that_cannot_be_computed_say_where_and_store_nothing(project: Project, text: str, function: str, words: list[str]) -> None:
    files = {"fn_py": function} if function else {}
    project.declare("m", text, **files)
    project.put("data/orders.csv", orders(20))
    answer = project.mlops(*AS_OF)
    assert answer.code == 2
    assert "no candidate: rfm failed: " in answer.text
    assert [word for word in words if word not in answer.text] == []
    assert "rfm" not in project.store.assets()


def test_a_label_with_two_rows_for_an_entity_is_refused(project: Project) -> None:
    project.declare("m", FULL.replace("false as gone from orders group by customer", "false as gone from orders"))
    project.put("data/orders.csv", orders(20))
    answer = project.mlops(*AS_OF)
    assert answer.code == 2
    assert "m.label.sql" in answer.text
    assert "has more than one" in answer.text


def test_too_short_a_history_says_how_much_is_there_and_from_when_it_is_enough(project: Project) -> None:
    project.declare("m", FULL)
    project.put("data/orders.csv", orders(20))
    answer = project.mlops("run", "m", "--as-of", "2026-01-20")
    assert answer.code == 2
    assert "15 days of history with final labels are there, but at least 30 are needed." in answer.text
    assert "Train as of 2026-02-04 or later" in answer.text


def test_a_time_without_zone_among_zoned_ones_blocks_its_own_partition(project: Project) -> None:
    project.declare("m", FULL)
    project.put("data/orders.csv", orders(20, more="99999,1,2026-02-10T10:00:00,2026-02-10T11:00:00Z,5.0\n"))
    answer = project.mlops(*AS_OF)
    assert answer.code == 2
    assert "partition 2026-02-10" in answer.text
    assert "time without a zone among zoned ones" in answer.text
    stored = project.store.partitions("orders")
    assert "2026-02-09" in stored
    assert "2026-02-10" not in stored


def test_a_row_without_a_usable_time_belongs_to_no_partition_and_is_told(project: Project) -> None:
    project.declare("m", FULL)
    project.put("data/orders.csv", orders(20, more="99999,1,soon,2026-02-10T11:00:00Z,5.0\n"))
    assert "orders: 1 row of the source is in no partition: unreadable event time" in project.mlops(*AS_OF).err


@pytest.mark.parametrize(
    "command, words",
    [
        (("run", "mm"), ["there is no model 'mm'", "Valid: m.", "Did you mean 'm'?"]),
        (("run", "m", "--as-of", "yesterday"), ["'yesterday' is not a date", "2026-01-31"]),
        (("run", "m", "--as-of", "2027-01-01"), ["2027-01-01", "Valid: 2026-01-01 to 2026-02-28"]),
        (("run", "m", "--junit", "nowhere/gates.xml"), ["there is no folder nowhere"]),
        (("plan", "mm"), ["there is no model, feature view or data set 'mm'", "Valid: m, rfm, orders"]),
        (("check", "--gates", "mm"), ["there is no model 'mm'"]),
        (("status", "mm"), ["there is no model 'mm'"]),
    ],
)
def test_bad_use_ends_with_two_and_says_what_is_valid(project: Project, command: tuple[str, ...], words: list[str]) -> None:
    project.declare("m", FULL)
    answer = project.mlops(*command)
    assert answer.code == 2
    assert [word for word in words if word not in answer.text] == []


def test_with_json_an_error_is_a_document_too(project: Project) -> None:
    project.declare("m", FULL)
    answer = project.mlops("run", "mm", "--json")
    assert (answer.code, answer.document["ok"], answer.document["error"]["valid"]) == (2, False, ["m"])


def _fill(folder: str, limit: int, said: Mapping[str, object]) -> None:
    """Store a large table where no file may grow beyond ``limit`` bytes, as on a full disk."""
    import resource
    import signal

    import pyarrow as pa

    from mlops_assets.data.store import StoreError, open_store

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        open_store(folder).write("rows", None, pa.table({"n": pa.array(range(300_000)).cast(pa.float64())}))
    except (StoreError, OSError) as error:
        said["error"] = f"{type(error).__name__}: {error}"  # type: ignore[index]


def test_a_write_that_no_space_is_left_for_leaves_the_version_before(tmp_path: Path) -> None:
    import pyarrow as pa

    from mlops_assets.data.store import open_store

    store = open_store(str(tmp_path / "store"))
    before = store.write("rows", None, pa.table({"n": [1.0, 2.0]}))
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        said = manager.dict()
        process = context.Process(target=_fill, args=(str(tmp_path / "store"), 100_000, said))
        process.start()
        process.join(60)
        assert "StoreError" in said["error"]
    assert store.current("rows", None) == before
    assert store.read(before).num_rows == 2
    assert verify(store) == []


def test_an_empty_partition_blocks_every_time_until_the_definition_allows_it(project: Project) -> None:
    header, *lines = orders().splitlines(keepends=True)
    project.put("data/orders.csv", header + "".join(line for line in lines if ",2026-01-20" not in line))
    project.declare("m", FULL)
    for _ in range(2):
        answer = project.mlops(*AS_OF)
        assert answer.code == 2
        assert "the first is 2026-01-20 with 0; at least 1 is wanted" in answer.text
    project.declare("m", FULL.replace("  event_time: ordered\n", "  event_time: ordered\n  min_rows: 0\n"))
    assert "2026-01-20 with 0" not in project.mlops(*AS_OF).text
