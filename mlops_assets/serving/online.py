"""The online feature table: the newest as-of row of every entity, published from a feature view and looked up at prediction time.

Embedded in one SQLite file (readers never wait for a writer), or in Redis where a URL says so. A publication takes the rows that the
view stored, so that training and serving read the same definition; an older as-of time never replaces a newer one.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from mlops_assets.serving.errors import ServingError
from mlops_assets.spec.entity_keys import KeyFormError, key_text, part_text

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.feature_view import FeatureView

BATCH = 5_000
REDIS_PATIENCE = 0.5
"""Seconds that Redis may take to answer."""


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """Features of one entity: values as JSON holds them, and the as-of time in microseconds since 1970 (UTC)."""

    as_of: int
    features: Mapping[str, Any]


class Published(NamedTuple):
    """What became of the rows of one partition.

    Attributes:
        entities: how many have this as-of row now; fewer than rows where newer ones were there.
        without_key: rows whose key is missing, which are never published.
    """

    entities: int
    without_key: int = 0


class OnlineStore(Protocol):
    """Where the newest rows are kept."""

    def put(self, view: str, rows: Iterable[tuple[str, int, str]]) -> int:
        """Keep rows (key, as-of, features as JSON) that are not older than those that are there; returns how many were taken."""
        ...

    def get(self, view: str, keys: Sequence[str]) -> list[OnlineRow | None]:
        """The newest row of each key; None where there is none.

        Raises:
            ServingError: when the store does not answer.
        """
        ...

    def prune(self, view: str, before: int) -> int:
        """Forget rows with an as-of time before ``before``; returns how many."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def open_online(url: str) -> OnlineStore:
    """The online store at a path of SQLite, or at ``redis://…``.

    Raises:
        ServingError: when it cannot be opened.
    """
    return RedisStore(url) if url.startswith(("redis://", "rediss://", "unix://")) else SqliteStore(Path(url))


def publish(store: OnlineStore, view: FeatureView, rows: pa.Table, as_of: datetime) -> Published:
    """Publish the rows of one partition of ``view`` under the text of their key, as :mod:`mlops_assets.spec.entity_keys` writes it.

    Args:
        store: where they go.
        view: whose rows they are.
        rows: the view's stored table: entity columns and features, one row per entity.
        as_of: the partition's as-of time.

    Raises:
        ServingError: for a key that is no key, such as a number with a fraction; nothing is published then.
    """
    moment = int(as_of.timestamp() * 1_000_000)
    keys = _keys(view, rows)
    known = ((key, row) for key, row in zip(keys, _rows(view.entity, rows), strict=True) if key is not None)
    taken = store.put(view.name, ((key, moment, json.dumps(features)) for key, features in known))
    return Published(taken, keys.count(None))


def lookup(store: OnlineStore, view: str, keys: Sequence[Sequence[Any]]) -> list[OnlineRow | None]:
    """The newest rows of entities, whose keys are given as the values of the view's entity columns."""
    return store.get(view, [key_text(key) or "" for key in keys])


class SqliteStore:
    """One SQLite file; each thread reads through a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(self._connect()) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS online (view TEXT, key TEXT, as_of INTEGER NOT NULL, features TEXT NOT NULL,"
                    " PRIMARY KEY (view, key)) WITHOUT ROWID"
                )
        except sqlite3.Error as error:
            raise ServingError(f"the online features cannot be opened: {error}.", where=str(path)) from None

    def put(self, view: str, rows: Iterable[tuple[str, int, str]]) -> int:
        taken = 0
        statement = (
            "INSERT INTO online VALUES (?, ?, ?, ?) ON CONFLICT (view, key) DO UPDATE SET as_of = excluded.as_of,"
            " features = excluded.features WHERE excluded.as_of >= online.as_of"
        )
        with closing(self._connect()) as connection:
            for batch in _batches(rows):
                connection.execute("BEGIN IMMEDIATE")
                taken += connection.executemany(statement, [(view, *row) for row in batch]).rowcount
                connection.execute("COMMIT")
        return taken

    def get(self, view: str, keys: Sequence[str]) -> list[OnlineRow | None]:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        select = "SELECT as_of, features FROM online WHERE view = ? AND key = ?"
        try:
            rows = [connection.execute(select, (view, key)).fetchone() for key in keys]
        except sqlite3.Error as error:
            raise ServingError(f"the online features cannot be read: {error}.", where=str(self._path)) from None
        return [None if row is None else OnlineRow(row[0], json.loads(row[1])) for row in rows]

    def prune(self, view: str, before: int) -> int:
        with closing(self._connect()) as connection:
            return connection.execute("DELETE FROM online WHERE view = ? AND as_of < ?", (view, before)).rowcount

    def close(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10, isolation_level=None)


class RedisStore:
    """A hash a view in Redis; the comparison of as-of times runs inside Redis, so that two publishers cannot cross."""

    _PUT = (
        "local n = 0 for i = 1, #ARGV, 3 do local old = redis.call('HGET', KEYS[1], ARGV[i]) "
        "if not old or tonumber(string.match(old, '^(-?%d+)')) <= tonumber(ARGV[i + 1]) then "
        "redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2]) n = n + 1 end end return n"
    )

    def __init__(self, url: str) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError:
            raise ServingError("no driver for Redis is installed.", where="online_url", do="Install the package redis.") from None
        # A prediction waits for the lookup: a connection that was dropped is tried once more, a Redis that hangs is not waited for.
        retry = Retry(NoBackoff(), 1)
        self._failure = redis.RedisError
        self._client: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=REDIS_PATIENCE, retry=retry)
        with self._answering():
            self._client.ping()

    def put(self, view: str, rows: Iterable[tuple[str, int, str]]) -> int:
        script = self._client.register_script(self._PUT)
        with self._answering():
            return sum(int(script(keys=[_hash(view)], args=[part for row in batch for part in row])) for batch in _batches(rows, 1000))

    def get(self, view: str, keys: Sequence[str]) -> list[OnlineRow | None]:
        if not keys:
            return []
        found: list[OnlineRow | None] = []
        with self._answering():
            texts = self._client.hmget(_hash(view), list(keys))
        for text in texts:
            as_of, _, features = (text or "").partition(" ")
            found.append(OnlineRow(int(as_of), json.loads(features)) if text else None)
        return found

    def prune(self, view: str, before: int) -> int:
        with self._answering():
            old = [key for key, text in self._client.hscan_iter(_hash(view)) if int(text.partition(" ")[0]) < before]
            return int(self._client.hdel(_hash(view), *old)) if old else 0

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except self._failure as error:
            raise ServingError(f"Redis does not answer: {error}.", where="online_url", do="Start it, or correct the URL.") from None


def _hash(view: str) -> str:
    return f"mlops:online:{view}"


def _batches(rows: Iterable[Any], size: int = BATCH) -> Iterator[list[Any]]:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _keys(view: FeatureView, table: pa.Table) -> list[str | None]:
    """The text of each row's key; None where a part of it is missing."""
    texts = []
    for name in view.entity:
        try:
            texts.append([part_text(value) for value in table.column(name).to_pylist()])
        except KeyFormError as error:
            do = f"Cast {name} to an integer or to text in the query of {view.name}, and publish again."
            raise ServingError(f"{name} {error}.", where=view.name, do=do) from None
    return [key_text(parts) for parts in zip(*texts, strict=True)]


def _rows(entity: Sequence[str], table: pa.Table) -> Iterator[dict[str, Any]]:
    names = [name for name in table.column_names if name not in entity and not name.startswith("__")]
    for batch in table.to_batches(max_chunksize=BATCH):
        columns = {name: batch.column(name).to_pylist() for name in names}
        for index in range(batch.num_rows):
            yield {name: _json(columns[name][index]) for name in names}


def _json(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value
