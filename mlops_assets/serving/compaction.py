"""From the journal's segments to Parquet in the versioned store: by another process than those that answer, as often as wanted.

For each model and partition of the day (or of the calendar that is given) the lines become rows of

* ``<model>/predictions``: what was answered, with the columns of :mod:`mlops_assets.monitoring.columns` and ``__variant``, ``__principal``,
  ``__routing_key``, ``__latency_us``, the entity's key and the features as they were used;
* ``<model>/shadow_predictions``: the same for what a shadow would have answered under the same ids;
* ``<model>/prediction_errors``: requests that a version failed to score;
* ``<model>/feedback``: outcomes that applications sent, with ``__target``, ``__known_at`` and ``__received_at``.

Only segments whose writer has closed them or has ended are read. A segment is removed after every partition that it has rows for is
current in the store. A compaction that is killed in between is simply run again: rows are known by their id, so that nothing counts
twice, and equal rows give equal bytes.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.columns import AS_OF, KNOWN_AT, PREDICTED_AT, PREDICTION_ID, SCORE, TARGET, VERSION
from mlops_assets.serving.journal import SUFFIX
from mlops_assets.serving.segments import Calendar, Lines, alone, claim, read
from mlops_assets.spec.entity_keys import any_text

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Store

VARIANT, PRINCIPAL, KEY, LATENCY = "__variant", "__principal", "__routing_key", "__latency_us"
RECEIVED_AT, CODE = "__received_at", "__code"


@dataclass(frozen=True)
class Compacted:
    """One partition that a compaction touched: rows that it has now, how many of them are new, and its version."""

    asset: str
    partition: str
    rows: int
    added: int
    digest: str


@dataclass
class Compaction:
    """What a compaction did.

    Attributes:
        segments: segments that were read and removed; ``open``: segments that are still being written.
        torn: lines that are no line, as a kill in the middle of a write leaves them.
    """

    partitions: list[Compacted] = field(default_factory=list)
    segments: int = 0
    open: int = 0
    torn: int = 0


def by_day(model: str, moment: datetime) -> str:
    """Partition by the day in UTC."""
    return moment.strftime("%Y-%m-%d")


def compact(journal: Path, store: Store, *, calendar: Calendar = by_day, clock: Callable[[int], int] | None = None) -> Compaction:
    """Move what closed segments hold into the store; see the module.

    Args:
        journal: folder of the segments. An absent folder is an empty one.
        store: where rows go.
        calendar: the partition of a model's moment.
        clock: for simulations, whose servers go by the wall's clock: from journaled times to those that rows get. Absent: they stay.

    Raises:
        StoreError: when the store does not take the rows; nothing is removed then.
    """
    done = Compaction()
    if not journal.is_dir():
        return done
    with alone(journal) as first, contextlib.ExitStack() as held:
        if not first:
            return done
        found, paths = Lines(), []
        for path in sorted(journal.glob(f"*{SUFFIX}")):
            if (file := claim(path)) is None:
                done.open += 1
                continue
            held.callback(os.close, file)
            read(path, found, calendar, clock)
            paths.append(path)
        for (asset, partition), lines in sorted(found.rows.items()):
            done.partitions.append(_merge(store, asset, partition, lines, found.versions))
        for path in paths:
            path.unlink()
        done.segments, done.torn = len(paths), found.torn
    return done


def _merge(
    store: Store, asset: str, partition: str, lines: Sequence[list[Any]], versions: Mapping[tuple[str, int], list[Any]]
) -> Compacted:
    import pyarrow as pa

    name = asset.rpartition("/")[2]
    if name == "feedback":
        new, identity, time = _feedback(lines), [PREDICTION_ID, RECEIVED_AT], RECEIVED_AT
    elif name == "prediction_errors":
        new, identity, time = _errors(lines), [PREDICTION_ID], PREDICTED_AT
    else:
        new, identity, time = _predictions(lines, versions), [PREDICTION_ID], PREDICTED_AT
    present = store.current(asset, partition)
    before = store.read(present) if present is not None else None
    merged = new if before is None else pa.concat_tables(_alike([before, new]), promote_options="permissive")
    merged = merged.append_column("__row", pa.array(range(merged.num_rows), pa.int64()))
    first = merged.group_by(identity).aggregate([("__row", "min")]).column("__row_min")
    table = merged.take(first)
    table = table.drop_columns(["__row"]).sort_by([(time, "ascending"), (PREDICTION_ID, "ascending")]).combine_chunks()
    manifest = store.write(asset, partition, table)
    return Compacted(asset, partition, table.num_rows, table.num_rows - (before.num_rows if before is not None else 0), manifest.digest)


def _predictions(lines: Sequence[list[Any]], versions: Mapping[tuple[str, int], list[Any]]) -> pa.Table:
    import pyarrow as pa

    tables = []
    by_version: dict[tuple[str, int], list[list[Any]]] = {}
    for line in lines:
        by_version.setdefault((line[3], line[4]), []).append(line)
    for key, some in sorted(by_version.items()):
        described = versions.get(key)
        task, features, entity = (described[3], described[4], described[5]) if described is not None else ("regression", [], [])
        several = task == "multiclass_classification"
        as_of = [min(line[11].values()) if line[11] else None for line in some]
        columns: dict[str, Any] = {
            PREDICTION_ID: pa.array([line[1] for line in some], pa.string()),
            PREDICTED_AT: _moments([line[2] for line in some]),
            VERSION: pa.array([line[4] for line in some], pa.int64()),
            VARIANT: pa.array([line[5] for line in some], pa.string()),
            PRINCIPAL: pa.array([line[6] for line in some], pa.string()),
            KEY: pa.array([line[7] for line in some], pa.string()),
            SCORE: pa.array([line[9] for line in some], pa.list_(pa.float64()) if several else pa.float64()),
            LATENCY: pa.array([line[10] for line in some], pa.int64()),
            AS_OF: _moments(as_of),
        }
        names = dict(features)
        for name in entity:
            if name not in names:
                columns[name] = _key_column([line[8].get(name) for line in some])
        for name, kind in features:
            columns[name] = _feature_column([line[8].get(name) for line in some], kind)
        tables.append(pa.table(columns))
    return pa.concat_tables(_alike(tables), promote_options="permissive")


def _errors(lines: Sequence[list[Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.table(
        {
            PREDICTION_ID: pa.array([line[1] for line in lines], pa.string()),
            PREDICTED_AT: _moments([line[2] for line in lines]),
            VERSION: pa.array([line[4] for line in lines], pa.int64()),
            VARIANT: pa.array([line[5] for line in lines], pa.string()),
            CODE: pa.array([line[6] for line in lines], pa.string()),
        }
    )


def _feedback(lines: Sequence[list[Any]]) -> pa.Table:
    import pyarrow as pa

    outcomes = [line[4] for line in lines]
    kinds = {type(outcome) for outcome in outcomes}
    target = pa.array([float(o) for o in outcomes], pa.float64()) if kinds == {int, float} else pa.array(outcomes)
    return pa.table(
        {
            PREDICTION_ID: pa.array([line[1] for line in lines], pa.string()),
            TARGET: target,
            KNOWN_AT: _moments([line[6] for line in lines]),
            RECEIVED_AT: _moments([line[2] for line in lines]),
            PRINCIPAL: pa.array([line[5] for line in lines], pa.string()),
        }
    )


def _moments(values: Sequence[int | None]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.int64()).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))


def _key_column(values: Sequence[Any]) -> Any:
    """Keys as they were sent: whole numbers if all are, else text."""
    import pyarrow as pa

    values = [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
    if all(value is None or (isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63) for value in values):
        return pa.array(values, pa.int64())
    return pa.array([any_text(value) for value in values], pa.string())


def _feature_column(values: Sequence[Any], kind: str) -> Any:
    import pyarrow as pa

    if kind == "datetime":
        return pa.array([None if v is None else datetime.fromisoformat(v).astimezone(UTC) for v in values], pa.timestamp("us", tz="UTC"))
    if kind == "date":
        return pa.array([None if v is None else datetime.fromisoformat(v).date() for v in values], pa.date32())
    if kind == "int64":
        return pa.array([None if v is None else int(v) for v in values], pa.int64())
    if kind == "float64":
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array(values, pa.bool_() if kind == "bool" else pa.string())


def _alike(tables: Iterable[pa.Table]) -> list[pa.Table]:
    """Tables whose columns of one name have types that can be put under each other: text where they have nothing in common."""
    import pyarrow as pa

    tables = list(tables)
    types: dict[str, set[Any]] = {}
    for table in tables:
        for column in table.schema:
            types.setdefault(column.name, set()).add(column.type)
    clashing = {name for name, found in types.items() if len(found) > 1 and not found <= {pa.int64(), pa.float64()}}
    if not clashing:
        return tables
    return [
        pa.table({name: _text(table.column(name)) if name in clashing else table.column(name) for name in table.column_names})
        for table in tables
    ]


def _text(column: Any) -> Any:
    import pyarrow as pa

    return pa.array(
        [None if v is None else v if isinstance(v, str) else json.dumps(v, default=str) for v in column.to_pylist()], pa.string()
    )
