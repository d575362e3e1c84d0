"""Options and output that several commands share."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from mlops_assets.errors import MlopsError

ProjectOption = Annotated[
    Path | None, typer.Option("--project", help="Folder that holds definitions/. Default: the current folder or one above it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; everything else goes to stderr.")]


_HOUR_KEY = re.compile(r"\d{4}-\d{2}-\d{2}-\d{2}:\d{2}([+-]\d{4})?", re.ASCII)


def print_json(document: dict[str, Any]) -> None:
    """Write one JSON document to stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def parse_moment(text: str, option: str) -> date | datetime:
    """Read a date, or a date and time, in UTC unless it says otherwise.

    Raises:
        MlopsError: when it is neither.
    """
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        raise MlopsError(f"{option}: {text!r} is not a date; write 2026-01-31 or 2026-01-31T12:00.") from None


def parse_moment_or_key(text: str, option: str) -> date | datetime | str:
    """The same, and the key of an hour such as ``2026-10-25-02:00+0100`` as it is.

    Raises:
        MlopsError: when it is none of them.
    """
    return text if _HOUR_KEY.fullmatch(text) else parse_moment(text, option)
