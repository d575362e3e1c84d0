"""Rows of the server's own form, ``{"data": [rows]}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlops_assets.modeling.requests.errors import invalid_rows, invalid_structure
from mlops_assets.modeling.signature import InputProblem


def read_own(document: Any) -> list[Any]:
    """Rows of ``{"data": [rows]}``.

    Raises:
        RequestError: 422 for another structure.
    """
    if not isinstance(document, Mapping):
        raise invalid_structure("The body needs an object with the key data.")
    problems = [InputProblem(None, str(name), "is no key of a request; the rows stand under data") for name in document if name != "data"]
    if "data" not in document:
        problems.append(InputProblem(None, "data", "is missing; it holds the rows"))
    elif not isinstance(document["data"], list):
        problems.append(InputProblem(None, "data", "needs a list of rows"))
    if problems:
        raise invalid_rows(problems)
    return list(document["data"])
