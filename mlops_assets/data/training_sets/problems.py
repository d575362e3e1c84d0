"""Everything in rows of examples that keeps a model from learning of them as it is declared, found in one go and before training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.data.schema.looks import Looks, suspicious
from mlops_assets.data.training_sets.positive import positive_class, positive_line
from mlops_assets.data.training_sets.rows import carried_names, weights_column
from mlops_assets.errors import nearest
from mlops_assets.spec.scalars import in_yaml

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.model import Model
    from mlops_assets.spec.problems import KeyPath

MAX_CLASSES = 1000
SHOWN = 10
COUNTERS = 50
"""So many rows that are numbered through are no measure."""


@dataclass(frozen=True)
class DataProblem:
    """One thing that the definition says and the rows do not bear out.

    Attributes:
        owner: the declaration that the key stands in.
        path: the key.
        found: one sentence.
        column: the column of the data that it is about.
        values: texts in that column by which the place in the source can be found.
        examples: some of them with their rows, for a source without lines.
    """

    owner: str
    path: KeyPath
    found: str
    valid: tuple[str, ...] = ()
    suggestion: str | None = None
    do: str | None = None
    severity: Literal["error", "warning"] = "error"
    column: str | None = None
    values: tuple[str, ...] = ()
    examples: str = ""


def example_problems(model: Model, dataset: Dataset, table: pa.Table, *, complete: bool = True) -> list[DataProblem]:
    """All problems of ``model`` with rows of its examples.

    Args:
        model: one with `examples`.
        dataset: the data set of its examples.
        table: rows as they are stored.
        complete: whether these are all rows; of a part it is only a warning that the target has one value, or not the positive one.
    """
    return [
        *_unknown_columns(model, table),
        *_target(model, dataset, table, "error" if complete else "warning"),
        *_weights(model, table),
        *_features(model, dataset, table),
    ]


def _unknown_columns(model: Model, table: pa.Table) -> Iterator[DataProblem]:
    examples, there = model.examples, table.column_names
    assert examples is not None
    named: list[tuple[KeyPath, str]] = [(("examples", "target"), examples.target)]
    named += [(("examples", "exclude", number), name) for number, name in enumerate(examples.exclude)]
    named += [(("examples", "include", number), name) for number, name in enumerate(examples.include or ())]
    named += [(("entity", number), name) for number, name in enumerate(model.entity)]
    named += [(("training", "group_by", number), name) for number, name in enumerate(model.training.group_by)]
    named += [(("gates", number, key), getattr(gate, key)) for number, gate in enumerate(model.gates) for key in ("slice", "attribute")]
    named.append((("training", "weights"), weights_column(model) or examples.target))
    for path, name in named:
        if name is not None and name not in there and (path[-1] != "weights" or weights_column(model)):
            yield DataProblem(model.name, path, f"{examples.from_} has no column {name!r}", tuple(there), nearest(name, there), column=name)


def _target(model: Model, dataset: Dataset, table: pa.Table, severity: Literal["error", "warning"]) -> Iterator[DataProblem]:
    import pyarrow as pa
    import pyarrow.compute as pc

    assert model.examples is not None
    name, path = model.examples.target, ("examples", "target")
    if name not in table.column_names or not table.num_rows:
        return
    column = table.column(name)
    if column.null_count == len(column):
        yield DataProblem(
            model.name, path, f"the target {name!r} has no value in any of {len(column):,} rows", severity=severity, column=name
        )
        return
    kind = column.type
    if model.task == "regression":
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind)):
            look = next((look for _, look in suspicious(table.select([name]), dataset.columns)), None)
            line = look.declaration(name) if look is not None and look.kind == "numbers" else None
            do = f"Declare it under `columns` of {dataset.name}: `{line}`." if line else "Use a classification task, or another target."
            found = f"the target {name!r} is {kind}, which regression cannot predict"
            if look is not None and look.kind == "numbers" and look.others:
                found += f"; it {look.summary}"
                yield DataProblem(model.name, path, found, do=do, column=name, values=look.others[:3], examples=look.shown)
            else:
                yield DataProblem(model.name, path, found, do=do, column=name)
        return
    classes = sorted({_plain(value) for value in pc.unique(column).to_pylist() if value is not None}, key=lambda one: (str(type(one)), one))
    if len(classes) < 2:
        found = f"the target {name!r} has only the value {_listed(classes)} in {len(column):,} rows; there is nothing to tell apart"
        yield DataProblem(model.name, path, found, severity=severity, column=name)
    elif len(classes) > MAX_CLASSES:
        do = "Use `task: regression` for a number, or another target."
        yield DataProblem(model.name, path, f"the target {name!r} has {len(classes):,} values; at most {MAX_CLASSES} are classes", do=do)
    elif model.task == "binary_classification":
        counts = sorted(pc.value_counts(column.drop_null()).to_pylist(), key=lambda one: -one["counts"])
        yield from _binary(model, name, classes, [_plain(one["values"]) for one in counts], severity)


def _binary(
    model: Model, name: str, classes: Sequence[Any], often: Sequence[Any], severity: Literal["error", "warning"]
) -> Iterator[DataProblem]:
    """Problems of a binary target with ``classes``, which are ``often`` in the order of their rows."""
    positive = None if model.positive is None else positive_class(classes, model.positive)
    if len(classes) > 2:
        found = f"a binary target has two values, but {name!r} has {len(classes)} ({_listed(classes)})"
        rare = tuple(str(one) for one in often[2:5]) if len(classes) <= SHOWN else ()
        do = "Use `task: multiclass_classification`, or declare what is no value of it under `missing` of the column."
        yield DataProblem(model.name, ("examples", "target"), found, do=do, column=name, values=rare)
    valid = tuple(in_yaml(one) for one in classes[:SHOWN])
    if model.positive is not None and positive is None:
        found = f"positive is {in_yaml(model.positive)}, which the target {name!r} does not hold"
        do = f"Write `{positive_line(classes)}`, if that is meant."
        guess = nearest(str(model.positive), valid)
        yield DataProblem(model.name, ("positive",), found, valid, guess, do, severity)
    elif model.positive is None and 1 not in classes and len(classes) == 2:
        found = f"which of {' and '.join(repr(one) for one in classes)} is positive is not known"
        yield DataProblem(model.name, ("task",), found, do=f"Write `{positive_line(classes)}`.")


def _listed(classes: Sequence[Any]) -> str:
    return ", ".join(repr(one) for one in classes[:SHOWN]) + (", …" if len(classes) > SHOWN else "")


def _weights(model: Model, table: pa.Table) -> Iterator[DataProblem]:
    import pyarrow as pa
    import pyarrow.compute as pc

    name, path = weights_column(model), ("training", "weights")
    if name is None or name not in table.column_names:
        return
    column = table.column(name)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        yield DataProblem(model.name, path, f"{name!r} is {column.type}, not a number that could weigh an example", column=name)
    elif column.null_count or (pc.min(column).as_py() or 0) < 0:
        yield DataProblem(model.name, path, f"the weights in {name!r} are missing or negative in some rows", column=name)


def _features(model: Model, dataset: Dataset, table: pa.Table) -> Iterator[DataProblem]:
    names = feature_names(model, dataset, table.column_names)
    for name, look in suspicious(table.select(names), dataset.columns):
        found, do = f"{name!r} {look.summary}", _advice(model, name, look)
        yield DataProblem(dataset.name, ("columns",), found, do=do, column=name, values=look.others[:3], examples=look.shown)
    for name in names:
        if name not in dataset.columns and _numbered_through(table.column(name)):
            found = f"{name!r} numbers the rows through: a model would learn their order"
            do = f"Add {in_yaml(name)} to `exclude`, or to `primary_key` of {dataset.name}."
            yield DataProblem(model.name, ("examples",), found, do=do, severity="warning", column=name)


def _advice(model: Model, name: str, look: Looks) -> str:
    out = f"exclude it: `exclude: [{', '.join(in_yaml(one) for one in (*(model.examples.exclude if model.examples else ()), name))}]`"
    text = f"or declare that it is text all the same: `{in_yaml(name)}: {{type: category{', nullable: true'}}}`"
    if line := look.declaration(name):
        return f"Declare it under `columns`: `{line}`, {text}."
    if look.kind == "ids":
        return f"{out[0].upper()}{out[1:]}, {text}."
    return f"Bring it into one plain form with `prepare`, {out}, {text}."


def feature_names(model: Model, dataset: Dataset, there: Sequence[str]) -> list[str]:
    """Columns that would be features, as far as they are there."""
    examples = model.examples
    assert examples is not None
    out = {name for name, column in dataset.columns.items() if column.pii or column.known == "after"} | {examples.target, *examples.exclude}
    if examples.include is not None:
        return [name for name in examples.include if name in there and name not in out]
    out |= {*dataset.primary_key, *model.entity, *model.training.group_by, str(weights_column(model)), str(dataset.event_time)}
    return [name for name in there if name not in out and name != dataset.available_at]


def needed_columns(model: Model, dataset: Dataset, schema: Mapping[str, Any]) -> list[str]:
    """Columns of the stored rows that :func:`example_problems` looks at; ``schema`` has all that there are."""
    assert model.examples is not None
    wanted = {model.examples.target, *carried_names(model), *feature_names(model, dataset, list(schema))}
    return [name for name in schema if name in wanted]


def _numbered_through(column: pa.ChunkedArray) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_integer(column.type) or column.null_count or len(column) < COUNTERS:
        return False
    ends = pc.min_max(column).as_py()
    return bool(ends["max"] - ends["min"] + 1 == len(column) and pc.count_distinct(column).as_py() == len(column))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
