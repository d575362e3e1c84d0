"""A query on any SQLAlchemy database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.frames import from_columns
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.naive import local, naive_bounds
from mlops_assets.data.sources.pieces import Pieces, cut
from mlops_assets.spec.decides import without_later_defaults

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import SqlSource

_BATCH = 50_000
_KNOWS_ZONES = ("postgresql", "cockroachdb", "mssql", "oracle", "snowflake", "bigquery", "redshift", "trino")


def read(source: SqlSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """Rows of the query, with ``:start`` and ``:end`` bound to the window where it uses them.

    Databases that know time zones get zoned UTC times; others get naive ones in the data set's time zone. Where clocks change
    at a bound, the rows on both sides of the change are read. SQLite, which compares times as text, gets text; for events it is
    cut at whole days. Events may come from outside the window, since the caller cuts by event time anyway.

    Raises:
        SourceError: when the database cannot be reached or refuses the query.
    """
    import sqlalchemy as sa
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    names = _bound_names(source.query)
    if unknown := sorted(names - {"start", "end"}):
        raise SourceError(f"the query binds :{unknown[0]}, which nothing fills.", where=dataset.name, valid=(":start", ":end"))
    where = _without_password(source.url)
    try:
        engine = sa.create_engine(source.url, poolclass=NullPool)
    except (SQLAlchemyError, ImportError) as error:
        raise SourceError(f"the database URL cannot be used: {error}", where=where, do="Install its driver, or correct the URL.") from error
    bounds = _bounds(engine.dialect.name, dataset, window) if names else {}
    batches = []
    try:
        with engine.connect().execution_options(stream_results=True) as connection:
            result = connection.execute(sa.text(source.query), {name: bounds[name] for name in names})
            columns = list(result.keys())
            while rows := result.fetchmany(_BATCH):
                batches.append(rows)
                if context.progress:
                    context.progress(f"{dataset.name}: rows from {where}", sum(map(len, batches)), None)
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise SourceError(
            f"the query of {dataset.name} failed: {type(cause).__name__}: {str(cause).strip()}",
            where=where,
            do="Correct the query, or the database.",
        ) from error
    finally:
        engine.dispose()
    if repeated := sorted({name for name in columns if columns.count(name) > 1}):
        raise SourceError(f"the query returns column {repeated[0]!r} more than once.", where=where, do="Rename it with `as`.")
    return cut(
        from_columns({name: [row[position] for rows in batches for row in rows] for position, name in enumerate(columns)}), origin=where
    )


def _bound_names(query: str) -> set[str]:
    """Names that the query binds, such as ``start`` in ``:start``."""
    import sqlalchemy as sa

    return set(sa.text(query)._bindparams)


def _without_password(url: str) -> str:
    """The URL as it may be shown."""
    import sqlalchemy as sa

    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "database"


def _fingerprinted(source: SqlSource) -> dict[str, Any]:
    return {**without_later_defaults(source), "url": _without_password(source.url)}


def _bounds(dialect: str, dataset: Dataset, window: Window | None) -> dict[str, Any]:
    zone = ZoneInfo(dataset.timezone)
    start, end = window or (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))
    if dialect in _KNOWS_ZONES:
        return {"start": start.astimezone(UTC), "end": end.astimezone(UTC)}
    naive = naive_bounds((start, end), zone) if dataset.kind == "events" and window else (local(start, zone), local(end, zone))
    if dialect != "sqlite":
        return dict(zip(("start", "end"), naive, strict=True))
    if dataset.kind == "events":
        naive = _midnight(naive[0]), _midnight(naive[1] + timedelta(days=1, microseconds=-1))
    return {name: _sqlite_text(moment) for name, moment in zip(("start", "end"), naive, strict=True)}


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _sqlite_text(moment: datetime) -> str:
    """A day as text sorts before every time of that day, however the rest of the text is written."""
    return moment.strftime("%Y-%m-%d") if moment.time() == datetime.min.time() else moment.strftime("%Y-%m-%d %H:%M:%S")


SOURCE = SourceKind(
    read,
    has_history=lambda source, _: bool(_bound_names(source.query)),
    in_order=False,
    fingerprinted=_fingerprinted,
)
