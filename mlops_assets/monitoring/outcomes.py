"""Predictions joined with the labels that have matured.

A prediction matures one horizon after its as-of time (after the prediction where it has none); only matured ones count, since labels
that come early are a biased part of all. A label joins by the prediction's id, or by the entity and the as-of time. What can go wrong
has one meaning each, and is counted:

* the same prediction twice (a journal read again): the first counts; ``repeated_predictions``;
* a prediction dated after ``now`` (a clock that jumped): left out; ``in_future``;
* the same label twice: one label; ``repeated_labels``;
* labels that differ, known at different times: the newest counts, as a correction; ``corrected``;
* labels that differ, known at the same time: none counts; ``conflicting``;
* a label known before the as-of time of its prediction: does not count, since it is no outcome of it; ``before_prediction``;
* a label that came later than its maturity: counts when it comes; ``late``;
* a label without prediction: ``unmatched_labels``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_assets.monitoring.columns import AS_OF, KNOWN_AT, PREDICTED_AT, PREDICTION_ID, TARGET
from mlops_assets.monitoring.errors import MonitoringError
from mlops_assets.monitoring.sql import columns_of, connect, listed, quoted_name, quoted_text

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class Coverage:
    """How many predictions have their outcome, and what was odd; see the module for each count.

    Attributes:
        predictions: distinct ones up to now; ``waiting`` of them have not matured, ``matured`` have, ``labelled`` of those have an outcome.
    """

    predictions: int = 0
    waiting: int = 0
    matured: int = 0
    labelled: int = 0
    repeated_predictions: int = 0
    in_future: int = 0
    repeated_labels: int = 0
    corrected: int = 0
    conflicting: int = 0
    before_prediction: int = 0
    late: int = 0
    unmatched_labels: int = 0

    @property
    def share(self) -> float | None:
        """Labelled of matured predictions; None where none has matured."""
        return self.labelled / self.matured if self.matured else None

    def __add__(self, other: Coverage) -> Coverage:
        mine, its = asdict(self), asdict(other)
        return Coverage(**{name: mine[name] + its[name] for name in mine})

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "coverage": self.share}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Coverage:
        """Inverse of :meth:`to_json`."""
        return cls(**{name: body[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Outcomes:
    """Matured predictions, in order of time and id, with :data:`TARGET` and :data:`KNOWN_AT` (null where the label has not come)."""

    table: pa.Table
    coverage: Coverage


def join_outcomes(
    predictions: pa.Table,
    labels: pa.Table,
    *,
    now: datetime,
    horizon: timedelta | None = None,
    on: Sequence[str] = (PREDICTION_ID,),
) -> Outcomes:
    """Join in memory. The same rows give the same table, in whatever order they come.

    Args:
        predictions: columns as in :mod:`mlops_assets.monitoring.columns`.
        labels: the columns ``on``, :data:`TARGET` and :data:`KNOWN_AT`.
        now: labels known later and predictions made later are not looked at, UTC.
        horizon: until a label is final; None: a label is final when it comes.
        on: what joins: the prediction's id, or the entity's columns and :data:`AS_OF`.

    Raises:
        MonitoringError: when a column that joins or is needed is absent.
    """
    with closing(connect()) as connection:
        connection.register("predictions_in", predictions)
        connection.register("labels_in", labels)
        coverage = _join(connection, predictions.column_names, labels.column_names, predictions.column_names, now, horizon, on)
        order = f"{quoted_name(PREDICTED_AT)}, {quoted_name(PREDICTION_ID)}"
        table = connection.sql(f"select * from outcomes order by {order}").to_arrow_table()
    return Outcomes(table, coverage)


def join_outcome_files(
    predictions: Sequence[str | Path],
    labels: Sequence[str | Path],
    to: Path,
    *,
    now: datetime,
    horizon: timedelta | None = None,
    on: Sequence[str] = (PREDICTION_ID,),
    columns: Sequence[str] | None = None,
    memory_limit: str = "1GB",
) -> Coverage:
    """Join Parquet files of any size into the Parquet file ``to``, in the memory that is given; rows are in no order.

    Many partitions are best joined one by one and their coverages added.

    Args:
        predictions, labels: Parquet files.
        to: file to write; replaced. Its folder takes what does not fit into memory.
        now, horizon, on: as for :func:`join_outcomes`.
        columns: columns of the predictions to keep beside its id and time; default: all.
        memory_limit: DuckDB's memory.
    """
    with closing(connect(memory_limit, to.parent)) as connection:
        for name, files in (("predictions_in", predictions), ("labels_in", labels)):
            paths = ", ".join(quoted_text(str(file)) for file in files)
            connection.execute(f"create view {name} as select * from read_parquet([{paths}])")
        present, of_labels = columns_of(connection, "predictions_in"), columns_of(connection, "labels_in")
        kept = [c for c in present if columns is None or c in {*columns, PREDICTION_ID, PREDICTED_AT}]
        coverage = _join(connection, present, of_labels, kept, now, horizon, on)
        connection.execute(f"copy outcomes to {quoted_text(str(to))} (format parquet, compression zstd)")
    return coverage


def _join(
    connection: duckdb.DuckDBPyConnection,
    predictions: Sequence[str],
    labels: Sequence[str],
    kept: Sequence[str],
    now: datetime,
    horizon: timedelta | None,
    on: Sequence[str],
) -> Coverage:
    """Define the view ``outcomes`` over ``predictions_in`` and ``labels_in``, and count."""
    _require("predictions", predictions, [PREDICTION_ID, PREDICTED_AT, *on])
    _require("labels", labels, [TARGET, KNOWN_AT, *on])
    if now.tzinfo is None:
        raise MonitoringError("`now` has no time zone.", do="Give it in UTC.")
    at, made, identity = f"timestamptz {quoted_text(now.isoformat())}", quoted_name(PREDICTED_AT), quoted_name(PREDICTION_ID)
    dated = f"coalesce({quoted_name(AS_OF)}, {made})" if AS_OF in predictions else made
    delay = int(horizon.total_seconds()) if horizon is not None else 0
    connection.execute(
        f"""
        create view past as
            select {listed(dict.fromkeys([*kept, *on]))}, {dated} as __dated, {dated} + interval '{delay} seconds' as __matures
            from predictions_in where {made} <= {at};
        """
    )
    future = _one(connection, f"select count(*) from predictions_in where {made} > {at}")[0]
    rows, distinct = _one(connection, f"select count(*), count(distinct {identity}) from past")
    first = f"{made}, {listed(on)}, hash(past)"
    only = f"row_number() over (partition by {identity} order by {first}) = 1"
    keys = listed(on)
    connection.execute(
        f"""
        create view seen as
            select {keys}, {quoted_name(TARGET)} as target, {quoted_name(KNOWN_AT)} as came from labels_in
            where {quoted_name(KNOWN_AT)} <= {at} and {quoted_name(TARGET)} is not null;
        create table ended as
            select {keys}, min(came) as first, max(came) as came, arg_max(target, came) as target, count(*) as times,
                   min(target) = max(target) as same
            from seen group by {keys};
        create table torn as
            select {listed(on, "s")} from seen s join ended e on {_equal("s", "e", on)} and s.came = e.came where not e.same
            group by all having min(s.target) <> max(s.target);
        create view label as
            select e.*, t.torn is not null as conflicting
            from ended e left join (select *, true as torn from torn) t on {_equal("e", "t", on)};
        create table joined as
            with known as (select * from past {"" if rows == distinct else f"qualify {only}"})
            select k.*, l.target as __target, l.came as __label_at, l.times as __times, l.same as __same, l.conflicting as __conflicting,
                   k.__matures <= {at} as __matured, l.first > k.__matures as __late, l.came < k.__dated as __early,
                   coalesce(not l.conflicting and l.came >= k.__dated, false) as __usable
            from known k left join label l on {_equal("k", "l", on)};
        create view outcomes as
            select {listed(kept)}, case when __usable then __target end as {quoted_name(TARGET)},
                   case when __usable then __label_at end as {quoted_name(KNOWN_AT)}
            from joined where __matured;
        """
    )
    found = _one(
        connection,
        f"""
        select count(*), count(*) filter (not __matured), count(*) filter (__matured), count(*) filter (__matured and __usable),
               count(*) filter (__times > 1 and __same), count(*) filter (not __same and not __conflicting),
               count(*) filter (__conflicting), count(*) filter (__early),
               count(*) filter (__usable and __late and {"true" if delay else "false"})
        from joined
        """,
    )
    unmatched = _one(connection, f"select count(*) from ended anti join joined using ({keys})")[0]
    return Coverage(
        predictions=found[0],
        waiting=found[1],
        matured=found[2],
        labelled=found[3],
        repeated_predictions=rows - distinct,
        in_future=future,
        repeated_labels=found[4],
        corrected=found[5],
        conflicting=found[6],
        before_prediction=found[7],
        late=found[8],
        unmatched_labels=unmatched,
    )


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = connection.execute(query).fetchall()[0]
    return row


def _equal(left: str, right: str, on: Sequence[str]) -> str:
    return " and ".join(f"{left}.{quoted_name(column)} = {right}.{quoted_name(column)}" for column in on)


def _require(what: str, columns: Sequence[str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in columns:
            raise MonitoringError(f"the {what} have no column {column!r}.", valid=sorted(columns))
