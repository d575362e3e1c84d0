"""The private parts of Dagster that this project uses: each by name, why it is needed, and which public thing would replace it.

Nothing else imports from `dagster._…`. Parts load on first use: ``from mlops_assets.instance.private import AssetDaemon``.
A release of Dagster that moves one of them fails with what the table says about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dagster._core.storage.base_storage import DagsterStorage as DagsterStorage
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage as SqliteEventLogStorage
    from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage as SqliteRunStorage
    from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage as SqliteScheduleStorage
    from dagster._core.storage.sqlite_storage import DagsterSqliteStorage as DagsterSqliteStorage
    from dagster._serdes import ConfigurableClassData as ConfigurableClassData


class PartMoved(ImportError):
    """Dagster no longer has a private part where this version of the project finds it."""


@dataclass(frozen=True)
class PrivatePart:
    """One private part of Dagster.

    Attributes:
        name: what it is called here.
        module: where it is in Dagster.
        why: what it is needed for.
        instead: the public thing that would replace it, or that there is none.
        attribute: what it is called there, where that differs; empty: the module itself.
        members: of a class or module, those that are called, replaced or overridden.
        attributes: of the objects of a class, those that are used; a test makes such an object.
    """

    name: str
    module: str
    why: str
    instead: str
    attribute: str | None = None
    members: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    def load(self) -> Any:
        """The part.

        Raises:
            PartMoved: where Dagster does not have it, or a member of it, any more.
        """
        try:
            found: Any = import_module(self.module)
            wanted = self.name if self.attribute is None else self.attribute
            found = getattr(found, wanted) if wanted else found
        except (ImportError, AttributeError) as error:
            raise PartMoved(self.text(f"it is not in {self.module} any more ({error})")) from error
        missing = [member for member in self.members if not hasattr(found, member)]
        if missing:
            raise PartMoved(self.text(f"it has no {', '.join(missing)} any more"))
        return found

    def check(self, made: Any) -> None:
        """Whether an object of the class has the attributes that are used.

        Raises:
            PartMoved: where it has not.
        """
        if missing := [name for name in self.attributes if not hasattr(made, name)]:
            raise PartMoved(self.text(f"its objects have no {', '.join(missing)} any more"))

    def text(self, what: str) -> str:
        """What happened to the part, with everything that whoever mends it must know."""
        import dagster

        return f"Dagster {dagster.__version__} changed its private part {self.name}: {what}. Needed for: {self.why} Instead: {self.instead}"


_BATCH = "a range run reports its partitions as one batch, which the storage writes in one transaction."
_NO_BATCH = "nothing public; `context.log_event` writes one event a transaction."
_STORAGE = "the embedded storage keeps its connections open and writes ranges together."
_NO_STORAGE = "nothing public; `storage: sqlite` in dagster.yaml is Dagster's own, slower one."
_CLOCK = "months of schedules, automation and sensors pass in minutes by the daemons' own code."
_NO_CLOCK = "`dagster dev` runs the same daemons on the wall's clock; a single sensor is evaluated by `dg.build_sensor_context`."

PARTS = (
    PrivatePart("DagsterEvent", "dagster._core.events", _BATCH, _NO_BATCH, members=("asset_materialization",)),
    PrivatePart("DagsterEventBatchMetadata", "dagster._core.events", _BATCH, _NO_BATCH),
    PrivatePart("generate_event_batch_id", "dagster._core.events", _BATCH, _NO_BATCH),
    PrivatePart("ASSET_EVENTS", "dagster._core.events", _STORAGE, _NO_STORAGE),
    PrivatePart("ConfigurableClassData", "dagster._serdes", _STORAGE, _NO_STORAGE),
    PrivatePart("DagsterStorage", "dagster._core.storage.base_storage", _STORAGE, _NO_STORAGE),
    PrivatePart(
        "DagsterSqliteStorage",
        "dagster._core.storage.sqlite_storage",
        _STORAGE,
        _NO_STORAGE,
        members=("from_local", "event_log_storage", "run_storage", "schedule_storage"),
    ),
    PrivatePart("event_logs_directory", "dagster._core.storage.sqlite_storage", _STORAGE, _NO_STORAGE, "_event_logs_directory"),
    PrivatePart("runs_directory", "dagster._core.storage.sqlite_storage", _STORAGE, _NO_STORAGE, "_runs_directory"),
    PrivatePart("schedule_directory", "dagster._core.storage.sqlite_storage", _STORAGE, _NO_STORAGE, "_schedule_directory"),
    PrivatePart("create_db_conn_string", "dagster._core.storage.sqlite", _STORAGE, _NO_STORAGE),
    PrivatePart(
        "SqliteRunStorage",
        "dagster._core.storage.runs.sqlite.sqlite_run_storage",
        _STORAGE,
        _NO_STORAGE,
        members=("connect", "dispose", "from_local"),
    ),
    PrivatePart(
        "SqliteScheduleStorage",
        "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
        _STORAGE,
        _NO_STORAGE,
        members=("connect", "dispose", "from_local"),
    ),
    PrivatePart(
        "SqliteEventLogStorage",
        "dagster._core.storage.event_log.sqlite.sqlite_event_log",
        _STORAGE,
        _NO_STORAGE,
        members=(
            "_connect",
            "_initdb",
            "_store_asset_event",
            "_store_asset_event_tags",
            "conn_string_for_shard",
            "delete_events",
            "dispose",
            "index_connection",
            "path_for_shard",
            "prepare_insert_event",
            "run_connection",
            "store_event",
            "store_event_batch",
        ),
        attributes=("_db_lock", "_initialized_dbs"),
    ),
    PrivatePart("sqlite_event_log", "dagster._core.storage.event_log.sqlite.sqlite_event_log", _STORAGE, _NO_STORAGE, ""),
    PrivatePart("INDEX_SHARD_NAME", "dagster._core.storage.event_log.sqlite.sqlite_event_log", _STORAGE, _NO_STORAGE),
    PrivatePart("SqlEventLogStorageMetadata", "dagster._core.storage.event_log.schema", _STORAGE, _NO_STORAGE, members=("create_all",)),
    PrivatePart("get_alembic_config", "dagster._core.storage.sql", _STORAGE, _NO_STORAGE),
    PrivatePart(
        "AssetDaemon", "dagster._daemon.asset_daemon", _CLOCK, _NO_CLOCK, members=("_run_iteration_impl",), attributes=("_logger",)
    ),
    PrivatePart("execute_backfill_iteration", "dagster._daemon.backfill", _CLOCK, _NO_CLOCK),
    PrivatePart("execute_sensor_iteration", "dagster._daemon.sensor", _CLOCK, _NO_CLOCK),
    PrivatePart("launch_scheduled_runs", "dagster._scheduler.scheduler", _CLOCK, _NO_CLOCK),
    PrivatePart("BulkActionsFilter", "dagster._core.execution.backfill", _CLOCK, _NO_CLOCK),
    PrivatePart("BulkActionStatus", "dagster._core.execution.backfill", _CLOCK, _NO_CLOCK, members=("REQUESTED", "CANCELING", "FAILING")),
    PrivatePart("InProcessCodeLocationOrigin", "dagster._core.remote_origin", _CLOCK, _NO_CLOCK),
    PrivatePart("LoadableTargetOrigin", "dagster._core.types.loadable_target_origin", _CLOCK, _NO_CLOCK),
    PrivatePart("WorkspaceProcessContext", "dagster._core.workspace.context", _CLOCK, _NO_CLOCK, members=("create_request_context",)),
    PrivatePart("InProcessWorkspaceLoadTarget", "dagster._core.workspace.load_target", _CLOCK, _NO_CLOCK),
    PrivatePart("SyncInMemoryRunLauncher", "dagster._core.launcher.sync_in_memory_run_launcher", _CLOCK, _NO_CLOCK),
    PrivatePart(
        "time",
        "dagster._time",
        _CLOCK,
        _NO_CLOCK,
        "",
        members=("_mockable_get_current_datetime", "_mockable_get_current_timestamp"),
    ),
)
"""Every private part that is used."""

_BY_NAME = {part.name: part for part in PARTS}


def part(name: str) -> PrivatePart:
    """What the table says about a part."""
    return _BY_NAME[name]


def __getattr__(name: str) -> Any:
    if name not in _BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _BY_NAME[name].load()
