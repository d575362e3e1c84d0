"""Outcomes that applications send back: what happened, by the id of the prediction that was made of it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_assets.modeling.requests.errors import RequestError, invalid_rows, invalid_structure
from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.identifiers import is_id

if TYPE_CHECKING:
    from mlops_assets.serving.journal import Journal

_FIELDS = ("prediction_id", "outcome", "known_at")


def read_outcomes(document: Any, task: str, classes: Sequence[Any], most: int) -> list[tuple[str, Any, int]]:
    """Outcomes of ``{"outcomes": [{"prediction_id", "outcome", "known_at"}]}``; ``known_at`` is optional and means now.

    Returns:
        Id, outcome and when it was known (microseconds since 1970, UTC).

    Raises:
        RequestError: with every problem of every outcome.
    """
    if not isinstance(document, Mapping) or set(document) != {"outcomes"} or not isinstance(document["outcomes"], list):
        raise invalid_structure("The body needs an object with the key outcomes, a list, and no other key.")
    given = document["outcomes"]
    if not given:
        raise RequestError(422, "no_rows", "There is no outcome.")
    if len(given) > most:
        raise RequestError(413, "too_many_rows", f"{len(given)} outcomes are more than the {most} that a request may hold.")
    problems: list[InputProblem] = []
    found = []
    now = time.time_ns() // 1000
    for index, item in enumerate(given):
        if not isinstance(item, Mapping):
            problems.append(InputProblem(index, None, "needs an object with prediction_id and outcome"))
            continue
        problems += [InputProblem(index, str(name), f"is unknown; valid are {', '.join(_FIELDS)}") for name in item if name not in _FIELDS]
        identifier, outcome = item.get("prediction_id"), item.get("outcome")
        if not isinstance(identifier, str) or not is_id(identifier):
            problems.append(InputProblem(index, "prediction_id", "needs an id that a prediction was answered with"))
        if (wrong := _wrong(outcome, task, classes)) is not None:
            problems.append(InputProblem(index, "outcome", wrong))
        try:
            known = _moment(item.get("known_at"), now)
        except ValueError as error:
            problems.append(InputProblem(index, "known_at", str(error)))
            continue
        found.append((str(identifier), outcome, known))
    if problems:
        raise invalid_rows(problems)
    return found


def record(journal: Journal, model: str, outcomes: Sequence[tuple[str, Any, int]], principal: str) -> None:
    """Put outcomes into the journal."""
    now = time.time_ns() // 1000
    for identifier, outcome, known in outcomes:
        journal.add(journal.encode(["outcome", identifier, now, model, outcome, principal, known]))


def _wrong(outcome: Any, task: str, classes: Sequence[Any]) -> str | None:
    if task == "regression":
        number = isinstance(outcome, int | float) and not isinstance(outcome, bool)
        try:
            return None if number and math.isfinite(float(outcome)) else "needs a number"
        except OverflowError:
            return "needs a number"
    if any(type(outcome) is type(value) and outcome == value for value in classes):
        return None
    shown = ", ".join("true" if value is True else "false" if value is False else str(value) for value in classes[:20])
    return f"needs one of {shown}"


def _moment(value: Any, now: int) -> int:
    if value is None:
        return now
    if not isinstance(value, str):
        raise ValueError("needs a moment such as 2026-01-31T12:00:00Z")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("needs a moment such as 2026-01-31T12:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError("has no time zone; write for example 2026-01-31T12:00:00Z")
    try:
        return int(moment.astimezone(UTC).timestamp() * 1_000_000)
    except (OverflowError, ValueError):
        raise ValueError("lies outside the years 1 to 9999") from None
