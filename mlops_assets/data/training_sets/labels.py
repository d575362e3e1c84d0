"""Who is scored at an as-of time, and what came after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_assets.data.features.query_rules import check_query
from mlops_assets.data.features.sandbox import Sandbox
from mlops_assets.data.features.table import FeatureError, conform
from mlops_assets.data.features.visible import Moment, VisibleTable, can_leak, find_partitions, hidden_columns, keys_at, run_visible
from mlops_assets.errors import MlopsError
from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.model import Model
from mlops_assets.spec.scalars import Written, plain
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Store


class LabelError(MlopsError):
    """Labels or a population that cannot be used."""


@dataclass(frozen=True)
class Labels:
    """Targets of one as-of time: ``table`` has the entity columns and ``target``; counts say what was left out and why."""

    table: pa.Table
    target: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    null: int = 0


class Population:
    """The population query of a model. It sees what was known before the as-of time, however old; snapshots as they were.

    Args:
        model: with a population query.
        catalogue: its data sets.
        moments: as-of times that will be asked for, in order.
        store: where data sets are read.
        box: where the query runs.
    """

    def __init__(self, model: Model, catalogue: Catalogue, moments: Sequence[datetime], store: Store, box: Sandbox) -> None:
        assert model.population is not None
        self._model, self._box = model, box
        self._where, self._zone = f"{model.name}.population", _zone(model, catalogue)
        self._query = check_query(model.population, where=self._where, tables=catalogue.datasets)
        datasets = [catalogue.datasets[name] for name in self._query.tables]
        self._private = _private_entity(model, datasets)
        self.can_leak = can_leak(datasets)
        self._tables = [
            VisibleTable(
                box,
                store,
                dataset,
                find_partitions(store, dataset, [key for at in moments for key in keys_at(dataset, Moment.before(at))], where=self._where),
                query=self._query,
                hide=hidden_columns(dataset),
                name="population_",
            )
            for dataset in datasets
        ]

    def at(self, as_of: datetime) -> tuple[pa.Table, dict[str, str]]:
        """Entities that are scored at ``as_of``, sorted, one row each, and the versions that were read.

        Raises:
            FeatureError: a key is missing, null or repeated.
            SandboxError: the query fails.
        """
        moment = Moment.before(as_of)
        rows = run_visible(self._box, self._query, self._tables, moment, as_of, zone=self._zone)
        where = f"{self._where} as of {as_of:%Y-%m-%d %H:%M} UTC"
        rows = conform(rows, entity=self._model.entity, where=where, private=self._private, kind="population")
        inputs = {reference: digest for table in self._tables for reference, digest in table.inputs(moment).items()}
        return rows.select(list(self._model.entity)), inputs


class LabelReader:
    """The label query of a model. It sees events with event time in ``[as_of, as_of + horizon)``, snapshots as they were at its end.

    Args: as of :class:`Population`; ``moments`` are pairs of as-of time and end of the label window.
    """

    def __init__(
        self, model: Model, catalogue: Catalogue, moments: Sequence[tuple[datetime, datetime]], store: Store, box: Sandbox
    ) -> None:
        assert model.label is not None
        self._model, self._label, self._box = model, model.label, box
        self._where, self._zone = f"{model.name}.label.sql", _zone(model, catalogue)
        declared = self._label.from_ or ()
        if unknown := [name for name in declared if name not in catalogue.datasets]:
            raise LabelError(f"there is no data set {unknown[0]!r}.", where=f"{model.name}.label.from", valid=sorted(catalogue.datasets))
        self._query = check_query(self._label.sql, where=self._where, tables=declared or catalogue.datasets)
        datasets = [catalogue.datasets[name] for name in self._query.tables]
        self._private = _private_entity(model, datasets)
        self.can_leak = can_leak(datasets)
        self._tables = []
        for dataset in datasets:
            keys = [key for start, end in moments for key in keys_at(dataset, Moment.after(start, end))]
            found = find_partitions(store, dataset, keys, where=self._where)
            self._tables.append(VisibleTable(box, store, dataset, found, query=self._query, name="label_"))

    def at(self, as_of: datetime, end: datetime) -> Labels:
        """Targets of the entities that the query returns, sorted by entity; null targets are left out and counted.

        Raises:
            LabelError: the query gives not exactly one column beside the entity, or two rows for one entity.
            SandboxError: the query fails.
        """
        import pyarrow.compute as pc

        moment = Moment.after(as_of, end)
        rows = run_visible(self._box, self._query, self._tables, moment, as_of, zone=self._zone)
        where = f"{self._where} as of {as_of:%Y-%m-%d %H:%M} UTC"
        entity = self._model.entity
        targets = [name for name in rows.column_names if name not in entity]
        if len(targets) != 1:
            found = f"the result has {len(targets)} columns beside {', '.join(entity)}: {', '.join(targets) or 'none'}."
            raise LabelError(found, where=where, do="Return the entity and exactly one more column, the target.")
        for key in entity:
            if key in rows.column_names:
                rows = rows.filter(pc.is_valid(rows.column(key)))
        try:
            rows = conform(rows, entity=entity, where=where, private=self._private, kind="label")
        except FeatureError as error:
            raise LabelError(error.found, where=error.where, valid=error.valid, do=error.do) from error
        null = rows.column(targets[0]).null_count
        inputs = {reference: digest for table in self._tables for reference, digest in table.inputs(moment).items()}
        return Labels(rows, targets[0], inputs, null)


def _zone(model: Model, catalogue: Catalogue) -> str:
    calendar = model_windows(model, catalogue).calendar
    return calendar.timezone if calendar else "UTC"


def default_target(model: Model, kind: pa.DataType) -> pa.Scalar:
    """The declared target of entities that the label query does not return, in the type of the others."""
    import pyarrow as pa

    assert model.label is not None
    default = model.label.default
    if pa.types.is_string(kind) and isinstance(default, Written):
        return pa.scalar(str(default), kind)
    default = plain(default)
    try:
        if isinstance(default, bool) != pa.types.is_boolean(kind):
            raise pa.ArrowInvalid("")
        return pa.scalar(default, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise LabelError(
            f"default is {default!r}, but the query's target is {kind}.",
            where=f"{model.name}.label.default",
            do="Give a default of the same type, or cast the target.",
        ) from None


def _private_entity(model: Model, datasets: Sequence[Dataset]) -> bool:
    columns = (dataset.columns.get(key) for dataset in datasets for key in model.entity)
    return any(column is not None and column.pii for column in columns)
