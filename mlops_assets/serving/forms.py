"""The three forms in which rows arrive and predictions leave: this server's own, MLflow's, and the Open Inference Protocol's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.errors import RequestError, invalid_rows

if TYPE_CHECKING:
    from mlops_assets.serving.predicting import Scored

MLFLOW_FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


class Answer(msgspec.Struct, omit_defaults=True):
    """The answer in the server's own form.

    ``version`` is null where a rollout sent the rows of one request to two versions; ``versions`` then has one a row.
    """

    predictions: list[Any]
    model: str
    version: int | None
    prediction_ids: list[str]
    versions: list[int] | None = None
    classes: list[Any] | None = None
    features: dict[str, Any] | None = None


def own_rows(document: Any) -> list[Any]:
    """Rows of ``{"data": [rows]}``.

    Raises:
        RequestError: 422 for another structure.
    """
    if not isinstance(document, Mapping):
        raise _structure("The body needs an object with the key data.")
    problems = [InputProblem(None, str(name), "is no key of a request; the rows stand under data") for name in document if name != "data"]
    if "data" not in document:
        problems.append(InputProblem(None, "data", "is missing; it holds the rows"))
    elif not isinstance(document["data"], list):
        problems.append(InputProblem(None, "data", "needs a list of rows"))
    if problems:
        raise invalid_rows(problems)
    return list(document["data"])


def mlflow_rows(document: Any, names: Sequence[str]) -> list[Any]:
    """Rows of one of MLflow's forms; ``params`` is ignored.

    ``inputs`` and ``instances`` take a list of objects, an object of columns, or a list of lists in the order of the features ``names``.

    Raises:
        RequestError: 422 for another structure.
    """
    if not isinstance(document, Mapping):
        raise _structure(f"The body needs an object with one of {', '.join(MLFLOW_FORMS)}.")
    given = [form for form in document if form != "params"]
    if len(given) != 1 or given[0] not in MLFLOW_FORMS:
        raise _structure(f"The body needs exactly one of {', '.join(MLFLOW_FORMS)}.")
    form, value = given[0], document[given[0]]
    if form == "dataframe_split":
        return _split_rows(value)
    if form == "dataframe_records":
        if not isinstance(value, list):
            raise _structure("dataframe_records needs a list of objects.")
        return list(value)
    if isinstance(value, Mapping):
        return _column_rows(value, form)
    if not isinstance(value, list):
        raise _structure(f"{form} needs a list of rows or an object of columns.")
    return [_positional(row, names, index) if isinstance(row, list) else row for index, row in enumerate(value)]


def _split_rows(value: Any) -> list[Any]:
    if not isinstance(value, Mapping) or not isinstance(value.get("columns"), list) or not isinstance(value.get("data"), list):
        raise _structure("dataframe_split needs an object with columns and data, both lists.")
    columns = value["columns"]
    if not all(isinstance(name, str) for name in columns) or len(set(columns)) < len(columns):
        raise _structure("dataframe_split needs columns with names that are text and differ.")
    if unknown := [name for name in value if name not in ("columns", "data", "index")]:
        raise _structure(f"dataframe_split has columns, data and index, not {unknown[0][:50]!r}.")
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
        raise _structure(f"The columns of {form} need the same number of values.")
    # A tensor of shape (rows, 1) is a column as well.
    flat = {
        name: [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values] for name, values in columns.items()
    }
    return [dict(zip(flat, values, strict=True)) for values in zip(*flat.values(), strict=True)]


def own_answer(model: str, scored: Scored, classes: Sequence[Any] | None, features: dict[str, Any] | None) -> bytes:
    """The answer in the server's own form."""
    version = scored.version
    versions = scored.versions if version is None else None
    return msgspec.json.encode(
        Answer(scored.predictions, model, version, scored.ids, versions, list(classes) if classes else None, features)
    )


def mlflow_answer(scored: Scored) -> bytes:
    """The answer in MLflow's form."""
    return msgspec.json.encode({"predictions": scored.predictions})


def _structure(message: str) -> RequestError:
    return RequestError(422, "invalid_structure", message)
