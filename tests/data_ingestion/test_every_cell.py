"""Every cell that is stored is the cell of the source, whatever the format, the files, and the order and grouping of reads."""

from __future__ import annotations

import csv
import json
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.data.ingest import ingest
from mlops_assets.data.sources import SourceContext
from mlops_assets.data.store import open_store
from mlops_assets.spec import Dataset

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = {"2024-10-26": datetime(2024, 10, 26, 21, tzinfo=UTC), "2025-03-29": datetime(2025, 3, 29, 22, tzinfo=UTC)}
"""First day of the calendar, and an hour before the clocks change."""
HOURS = 7

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "int64"},
    "whole": {"type": "int64", "nullable": True},
    "number": {"type": "float64", "nullable": True},
    "money": {"type": "decimal", "scale": 2, "nullable": True},
    "word": {"type": "string", "nullable": True},
    "group": {"type": "category", "nullable": True},
    "yes": {"type": "bool", "nullable": True},
    "day": {"type": "date", "nullable": True},
    "moment": {"type": "datetime", "nullable": True},
}
LOOKS_LIKE = [
    "1.50",
    "007",
    "1e5",
    "TRUE",
    "false",
    "nan",
    "inf",
    "-0",
    "2024-01-01",
    "12345678901234567891",
    "1,5",
    "NULL",
    "None",
    "#",
    "yes",
]


@dataclass(frozen=True)
class Row:
    """A row as the oracle knows it: its instant, its number and its values."""

    at: datetime
    values: dict[str, Any]


def texts(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from(LOOKS_LIKE), st.text(alphabet, max_size=6))


def values(alphabet: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    """Values by column; None is a missing one."""
    moments = st.datetimes(datetime(1980, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
    found: dict[str, st.SearchStrategy[Any]] = {
        "whole": st.integers(-(2**63), 2**63 - 1),
        "number": st.floats(allow_nan=False, width=64),
        "money": st.decimals(Decimal("-1e30"), Decimal("1e30"), places=2),
        "word": texts(alphabet),
        "group": texts(alphabet),
        "yes": st.booleans(),
        "day": st.dates(date(1900, 1, 1), date(2100, 1, 1)),
        "moment": moments,
        "open": texts(alphabet),
    }
    return {name: st.none() | strategy for name, strategy in found.items()}


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dict[str, Any], str, list[Row], list[list[int]], bool]:
    """Format, its options, first day, rows, groups of hours in the order of reads, and whether each hour has a file of its own."""
    form = draw(st.sampled_from(["csv", "json", "parquet", "sql"]))
    own_files = form != "sql" and draw(st.booleans())
    options: dict[str, Any] = {}
    excluded = "\x00"
    encoding = "utf-8"
    if form == "csv":
        encoding = draw(st.sampled_from(["utf-8", "latin-1", "utf-16"]))
        options = {
            "separator": draw(st.sampled_from([",", ";", "\t", "|"])),
            "encoding": encoding,
            "lineterminator": draw(st.sampled_from(["\n", "\r\n", "\r"])),
        }
    alphabet = st.characters(exclude_categories=["Cs"], exclude_characters=excluded, max_codepoint=255 if encoding == "latin-1" else None)
    day = draw(st.sampled_from(sorted(NIGHTS)))
    strategies = values(alphabet)
    rows = []
    for hour in range(HOURS):
        for _ in range(draw(st.integers(0, 3))):
            seconds = draw(st.integers(0, 3599))
            found = {name: draw(strategy) for name, strategy in strategies.items()}
            rows.append(Row(NIGHTS[day] + timedelta(hours=hour, seconds=seconds), {"id": len(rows), **found}))
        if rows and rows[-1].at >= NIGHTS[day] + timedelta(hours=hour):
            rows[-1].values["open"] = f"x{hour}"
    hours = draw(st.permutations(range(HOURS)))
    cuts = sorted(draw(st.sets(st.integers(1, HOURS - 1), max_size=3)))
    groups = [list(hours[start:end]) for start, end in zip([0, *cuts], [*cuts, HOURS], strict=True)]
    return form, options, day, rows, groups, own_files


def key_of(at: datetime) -> str:
    """The key of the hour that contains an instant, by the zone's own rules."""
    local = at.astimezone(BERLIN).replace(minute=0, second=0, microsecond=0)
    name = local.strftime("%Y-%m-%d-%H:%M")
    return name + local.strftime("%z") if local.fold else name


def spelled(value: Any, form: str) -> Any:
    """A value as it is written in text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return value if form == "json" else "true" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return value if form == "json" else repr(value)
    return value if form == "json" and isinstance(value, int) else str(value)


def write(folder: Path, form: str, options: dict[str, Any], rows: list[Row], name: str) -> None:
    """One file with some of the rows."""
    plain = [{"at": row.at, **row.values} for row in rows]
    names = ["at", *COLUMNS, "open"]
    if form == "csv":
        # Python's writer leaves a line end bare that is not its own, which nobody can read back.
        texts = [value for row in plain for value in row.values() if isinstance(value, str)]
        quoting = csv.QUOTE_ALL if any({*text} & {*"\r\n"} for text in texts) else csv.QUOTE_MINIMAL
        dialect = {"delimiter": options["separator"], "lineterminator": options["lineterminator"], "quoting": quoting}
        with (folder / f"{name}.csv").open("w", encoding=options["encoding"], newline="") as file:
            writer = csv.writer(file, **dialect)
            writer.writerow(names)
            writer.writerows([["" if (text := spelled(row[column], form)) is None else text for column in names] for row in plain])
    elif form == "json":
        lines = []
        for row in plain:
            written = {column: spelled(value, form) for column, value in row.items() if value is not None}
            text = json.dumps(written)
            if row["money"] is not None:
                text = text.replace(json.dumps(str(row["money"])), str(row["money"])) if '"money": ' in text else text
            lines.append(text + "\n")
        (folder / f"{name}.json").write_text("".join(lines))
    elif form == "parquet":
        types = {
            "at": pa.timestamp("us", "America/New_York"), "id": pa.int32(), "whole": pa.int64(), "number": pa.float64(),
            "money": pa.decimal128(38, 2), "yes": pa.bool_(), "day": pa.date32(), "moment": pa.timestamp("us", "UTC"),
        }  # fmt: skip
        arrays = {column: pa.array([row[column] for row in plain], types.get(column, pa.string())) for column in names}
        pq.write_table(pa.table(arrays), folder / f"{name}.parquet")


def expected(value: Any, form: str) -> Any:
    """What is stored for a value: text that is empty is missing where the format writes nothing for both."""
    return None if form == "csv" and value == "" else value


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_every_cell_is_stored_as_it_is_in_the_source(case: tuple[str, dict[str, Any], str, list[Row], list[list[int]], bool]) -> None:
    form, options, day, rows, groups, own_files = case
    keys = [key_of(NIGHTS[day] + timedelta(hours=hour)) for hour in range(HOURS)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        source: dict[str, Any]
        if form == "sql":
            fill_database(folder / "rows.db", rows)
            source = {"sql": {"url": f"sqlite:///{folder}/rows.db", "query": "select * from rows"}}
        else:
            parts = {key: [row for row in rows if key_of(row.at) == key] for key in keys} if own_files else {}
            parts = parts or {"a": rows[::2], "b": rows[1::2]}
            for name, part in parts.items():
                write(folder, form, options, part, name)
            path = f"{'{partition}' if own_files else '*'}.{form}"
            form_options = {"separator": options["separator"], "encoding": options["encoding"], "strip": False} if options else {}
            source = {form: {"path": path, **form_options}}
        dataset = Dataset(
            name="rows",
            source=source,
            partitions={"every": "hour", "start": day, "timezone": "Europe/Berlin"},
            event_time="at",
            columns=COLUMNS,
        )
        store = open_store(str(folder / "store"))
        context = SourceContext(folder, folder, folder / "cache")
        for group in groups:
            for item in ingest(dataset, [keys[hour] for hour in group], store, context):
                account = item.manifest.accounting
                assert account is not None
                assert account["read"] == account["stored"] + account["quarantined"] + sum(account["left_out"].values())
        stored: dict[int, dict[str, Any]] = {}
        for key in keys:
            manifest = store.current("rows", key)
            assert manifest is not None
            for row in store.read(manifest).to_pylist():
                assert key_of(row["at"]) == key
                assert row["id"] not in stored
                stored[row["id"]] = row
        assert sorted(stored) == [row.values["id"] for row in rows]
        for row in rows:
            found = stored[row.values["id"]]
            assert found.pop("at") == row.at
            assert found == {name: expected(value, form) for name, value in row.values.items()}


def fill_database(file: Path, rows: list[Row]) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("create table rows (at text, id integer, whole integer, number real, money text, word text, 'group' text, "
                           "yes integer, day text, moment text, open text)")  # fmt: skip
        for row in rows:
            plain = {"at": row.at, **row.values}
            cells = [value if isinstance(value, int | float) else spelled(value, "sql") for value in plain.values()]
            connection.execute(f"insert into rows values ({', '.join('?' * len(cells))})", cells)
    connection.close()
