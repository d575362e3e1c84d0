"""What a request is refused with: a status, a code, a sentence, and every problem by row and field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlops_assets.modeling.signature import InputProblem

SHOWN = 100
"""Problems that one answer lists; their number is always given."""


class RequestError(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status.
        code: stable name of the kind of error, which metrics count.
        message: one sentence for people.
        problems: what is wrong with which row and field.
        headers: further response headers.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        problems: Sequence[InputProblem] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.status = status
        self.code = code
        self.message = message
        self.problems = tuple(problems)
        self.headers = tuple(headers)
        super().__init__(message)

    def to_json(self) -> dict[str, Any]:
        """The body of the answer."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.problems:
            error["count"] = len(self.problems)
            error["problems"] = [{"row": p.row, "field": p.field, "message": p.message} for p in self.problems[:SHOWN]]
        return {"error": error}


def invalid_structure(message: str) -> RequestError:
    """The answer to a body that is JSON of another structure than the protocol has."""
    return RequestError(422, "invalid_structure", message)


def invalid_rows(problems: Sequence[InputProblem]) -> RequestError:
    """The answer to rows that the model cannot score: all problems together."""
    count = len(problems)
    first = f"{problems[0]}" if problems else "the rows cannot be scored"
    more = f", and {count - 1} more" if count > 1 else ""
    return RequestError(422, "invalid_rows", f"{first}{more}.", problems=problems)
