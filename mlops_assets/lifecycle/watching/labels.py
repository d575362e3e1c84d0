"""What happened to those who were predicted: from the label query, from the examples' own target, and from feedback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mlops_assets.lifecycle.watching.population import BATCH, identities, population_of
from mlops_assets.lifecycle.watching.tables import concat, joined_by_entity, plain
from mlops_assets.spec.windows import model_windows

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.lifecycle.workspace import Workspace


@dataclass(frozen=True)
class KnownLabels:
    """Labels by prediction id (``__prediction_id``, ``__target``, ``__known_at``) and the versions that they were read from."""

    table: pa.Table
    inputs: Mapping[str, str] = field(default_factory=dict)


def horizon_of(workspace: Workspace, name: str, key: str | None) -> timedelta | None:
    """How long after a prediction of ``key`` its label is final; None where it is when it comes."""
    model = workspace.catalogue.models[name]
    windows = model_windows(model, workspace.catalogue)
    if windows.calendar is None or key is None:
        delay = model.examples.label_delay if model.examples else None
        return delay.timedelta if delay is not None and delay.unit != "month" else None
    calendar = windows.calendar
    return calendar.end_of(calendar.shift(key, windows.horizon)) - calendar.end_of(key)


def as_predicted_for(workspace: Workspace, name: str, key: str | None, predictions: pa.Table) -> pa.Table:
    """Predictions with ``__as_of`` set to the moment whose label they are held against.

    That of batch predictions stays. Answers of the server within a partition foretell from its beginning on, in the full form.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.monitoring.columns import AS_OF
    from mlops_assets.serving.compaction import VARIANT

    model = workspace.catalogue.models[name]
    calendar = model_windows(model, workspace.catalogue).calendar
    if model.label is None or calendar is None or key is None or VARIANT not in predictions.column_names:
        return predictions
    begin = pa.scalar(calendar.start_of(key), pa.timestamp("us", "UTC"))
    own = predictions.column(AS_OF) if AS_OF in predictions.column_names else pa.nulls(predictions.num_rows, pa.timestamp("us", "UTC"))
    moments = pc.if_else(pc.equal(predictions.column(VARIANT), BATCH), own, begin)
    if AS_OF in predictions.column_names:
        return predictions.set_column(predictions.column_names.index(AS_OF), AS_OF, moments)
    return predictions.append_column(AS_OF, moments)


def known_labels(workspace: Workspace, name: str, key: str | None, predictions: pa.Table) -> KnownLabels:
    """Every label of ``predictions`` (see :func:`as_predicted_for`) that is known now.

    Raises:
        MissingPartitionsError: when data of the label's window is not in the store.
    """
    model = workspace.catalogue.models[name]
    tables: list[pa.Table] = []
    inputs: dict[str, str] = {}
    if model.label is not None and key is not None and predictions.num_rows:
        found, read = _queried(workspace, name, key, predictions)
        tables.append(found)
        inputs |= read
    elif model.examples is not None and key is not None and predictions.num_rows:
        found, read = _carried(workspace, name, key, predictions)
        tables.append(found)
        inputs |= read
    told, read = _told(workspace, name, key, tables[0].column("__target").type if tables else None)
    if told is not None:
        tables.append(told)
        inputs |= read
    return KnownLabels(concat(tables) if tables else _nothing(), inputs)


def _queried(workspace: Workspace, name: str, key: str, predictions: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """Labels by the model's query, as of each moment that predictions of ``key`` have; its default for whoever it does not return."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.data.features.sandbox import Sandbox
    from mlops_assets.data.training_sets.labels import LabelReader, default_target
    from mlops_assets.monitoring.columns import AS_OF, KNOWN_AT, PREDICTION_ID, TARGET

    model, horizon = workspace.catalogue.models[name], horizon_of(workspace, name, key)
    entity = [column for column in model.entity if column in predictions.column_names]
    if len(entity) < len(model.entity) or horizon is None:
        return _nothing(), {}
    moments = sorted(moment for moment in pc.unique(predictions.column(AS_OF)).to_pylist() if moment is not None)
    due = [(moment, moment + horizon) for moment in moments if moment + horizon <= workspace.now()]
    inputs: dict[str, str] = {}
    tables = []
    with Sandbox(memory_limit=workspace.settings.duckdb_memory) as box:
        reader = LabelReader(model, workspace.catalogue, due, workspace.store, box) if due else None
        for moment, end in due:
            assert reader is not None
            labels = reader.at(moment, end)
            inputs |= labels.inputs
            rows = predictions.filter(pc.equal(predictions.column(AS_OF), pa.scalar(moment, pa.timestamp("us", "UTC"))))
            rows = rows.select([PREDICTION_ID, *entity])
            table = labels.table.append_column("__found", pa.array([True] * labels.table.num_rows))
            joined = joined_by_entity(rows, table, entity, how="left outer")
            target = joined.column(labels.target)
            if model.label is not None and model.label.default is not None:
                target = pc.if_else(pc.is_valid(joined.column("__found")), target, default_target(model, target.type))
            known = pa.array([end] * joined.num_rows, pa.timestamp("us", "UTC"))
            tables.append(pa.table({PREDICTION_ID: joined.column(PREDICTION_ID), TARGET: target, KNOWN_AT: known}))
    return concat(tables) if tables else _nothing(), inputs


def _carried(workspace: Workspace, name: str, key: str, predictions: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """Targets that the rows of ``key`` carry, once final: by the rows' key, or by the identity that batch predictions gave them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.data.training_sets.rows import LABEL_END
    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTION_ID, TARGET, VERSION

    model = workspace.catalogue.models[name]
    rows, inputs = population_of(workspace, name, key)
    dataset = workspace.catalogue.datasets[model.examples.from_] if model.examples else None
    entity = [c for c in (model.entity or (dataset.primary_key if dataset else ())) if c in rows.column_names]
    final = rows.column(LABEL_END)
    due = pc.less_equal(final, pa.scalar(workspace.now(), pa.timestamp("us", "UTC")))
    if entity and all(column in predictions.column_names for column in entity):
        rows = plain(rows.select([*entity, TARGET, LABEL_END]).filter(due))
        joined = joined_by_entity(predictions.select([PREDICTION_ID, *entity]), rows, entity, how="inner")
        columns = {PREDICTION_ID: joined.column(PREDICTION_ID), TARGET: joined.column(TARGET), KNOWN_AT: joined.column(LABEL_END)}
        return pa.table(columns), inputs
    tables = []
    for version in pc.unique(predictions.column(VERSION)).to_pylist():
        ids = pa.array(identities(name, key, version, rows, []), pa.string())
        tables.append(plain(pa.table({PREDICTION_ID: ids, TARGET: rows.column(TARGET), KNOWN_AT: final}).filter(due)))
    return concat(tables) if tables else _nothing(), inputs


def _told(workspace: Workspace, name: str, key: str | None, kind: pa.DataType | None) -> tuple[pa.Table | None, dict[str, str]]:
    """Outcomes that applications sent since ``key`` began, in the type of the other labels where it can be had."""
    import pyarrow as pa

    from mlops_assets.lifecycle.watching.tables import inputs_of
    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTION_ID, TARGET

    manifests = feedback_of(workspace, name, key)
    table = concat([workspace.store.read(manifest, [PREDICTION_ID, TARGET, KNOWN_AT]) for manifest in manifests])
    if table is None or not table.num_rows:
        return None, {}
    if kind is not None and table.column(TARGET).type != kind:
        try:
            table = table.set_column(table.column_names.index(TARGET), TARGET, table.column(TARGET).cast(kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return None, {}
    return table, inputs_of(manifests)


def feedback_of(workspace: Workspace, name: str, key: str | None) -> list[Any]:
    """Manifests of feedback that may be about predictions of ``key``: what was received since it began."""
    calendar = model_windows(workspace.catalogue.models[name], workspace.catalogue).calendar
    asset = f"{name}/feedback"
    partitions = [found for found in workspace.store.partitions(asset) if found is not None]
    if calendar is not None and key is not None:
        partitions = [found for found in partitions if calendar.contains(found) and calendar.start_of(found) >= calendar.start_of(key)]
    return list(workspace.store.window(asset, partitions).values()) if partitions else []


def matured(workspace: Workspace, name: str, key: str | None, now: datetime) -> bool:
    """Whether every prediction of ``key`` has a final label by ``now``."""
    windows = model_windows(workspace.catalogue.models[name], workspace.catalogue)
    if windows.calendar is None or key is None:
        return True
    return windows.calendar.end_of(windows.calendar.shift(key, windows.horizon)) <= now


def _nothing() -> pa.Table:
    import pyarrow as pa

    from mlops_assets.monitoring.columns import KNOWN_AT, PREDICTION_ID, TARGET

    return pa.table(
        {
            PREDICTION_ID: pa.array([], pa.string()),
            TARGET: pa.array([], pa.float64()),
            KNOWN_AT: pa.array([], pa.timestamp("us", "UTC")),
        }
    )
