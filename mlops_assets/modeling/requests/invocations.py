"""Rows in the forms of MLflow's scoring protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlops_assets.modeling.requests.errors import invalid_rows, invalid_structure
from mlops_assets.modeling.signature import InputProblem

FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


def read_invocation(document: Any, names: Sequence[str]) -> list[Any]:
    """Rows of one of MLflow's forms; ``params`` is ignored.

    ``inputs`` and ``instances`` take a list of objects, an object of columns, or a list of lists in the order of the features ``names``.

    Raises:
        RequestError: 422 for another structure.
    """
    if not isinstance(document, Mapping):
        raise invalid_structure(f"The body needs an object with one of {', '.join(FORMS)}.")
    given = [form for form in document if form != "params"]
    if len(given) != 1 or given[0] not in FORMS:
        raise invalid_structure(f"The body needs exactly one of {', '.join(FORMS)}.")
    form, value = given[0], document[given[0]]
    if form == "dataframe_split":
        return _split_rows(value)
    if form == "dataframe_records":
        if not isinstance(value, list):
            raise invalid_structure("dataframe_records needs a list of objects.")
        return list(value)
    if isinstance(value, Mapping):
        return _column_rows(value, form)
    if not isinstance(value, list):
        raise invalid_structure(f"{form} needs a list of rows or an object of columns.")
    return [_positional(row, names, index) if isinstance(row, list) else row for index, row in enumerate(value)]


def _split_rows(value: Any) -> list[Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("columns"), list) or not isinstance(value.get("data"), list):
        raise invalid_structure("dataframe_split needs an object with columns and data, both lists.")
    columns = value["columns"]
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise invalid_structure("dataframe_split needs columns with names that are text and differ.")
    if unknown := [name for name in value if name not in ("columns", "data", "index")]:
        raise invalid_structure(f"dataframe_split has columns, data and index, not {unknown[0][:50]!r}.")
    return [_positional(row, columns, index) for index, row in enumerate(value["data"])]


def _positional(row: Any, names: Sequence[str], index: int) -> dict[str, Any]:
    if not isinstance(row, list) or len(row) != len(names):
        found = f"{len(row)} values" if isinstance(row, list) else "something else"
        raise invalid_rows([InputProblem(index, None, f"needs a list of {len(names)} values, found {found}")])
    return dict(zip(names, row, strict=True))


def _column_rows(columns: Mapping[str, Any], form: str) -> list[Any]:
    for name, values in columns.items():
        if not isinstance(values, list):
            raise invalid_rows([InputProblem(None, name, f"needs a list of values in {form}")])
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise invalid_structure(f"The columns of {form} need the same number of values.")
    # A tensor of shape (rows, 1) is a column as well.
    flat = {
        name: [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values] for name, values in columns.items()
    }
    return [dict(zip(flat, values, strict=True)) for values in zip(*flat.values(), strict=True)]
