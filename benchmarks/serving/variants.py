"""The prediction server with one of its duties left out, to see what the duty costs.

Identity and journal have settings of their own. Metrics and typed validation have not, since nobody should run without them; here their
functions are replaced before a worker starts, and everything else is the worker's own code.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DUTIES = ("validation", "identity", "journal", "metrics")


def main() -> None:
    """Serve a project without the duties that are named."""
    from mlops_assets.serving.supervisor import open_socket
    from mlops_assets.serving.worker import run
    from mlops_assets.settings import load_settings

    parser = argparse.ArgumentParser()
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--without", choices=DUTIES, action="append", default=[])
    options = parser.parse_args()
    if "metrics" in options.without:
        _no_metrics()
    if "validation" in options.without:
        _no_validation()
    run(load_settings(options.project, "test"), open_socket("127.0.0.1", options.port))


def settings_without(duty: str | None) -> dict[str, str]:
    """Environment variables that leave a duty out, for those that have a setting."""
    if duty == "journal":
        return {"MLOPS_JOURNAL_ON": "false"}
    return {"MLOPS_SERVE_ANONYMOUS": "true"} if duty == "identity" else {}


def _no_metrics() -> None:
    from mlops_assets.serving.metrics import Metrics, Stats

    def nothing(*given: Any) -> None:
        return None

    Stats.observe = Metrics.answered = Metrics.save = nothing  # type: ignore[method-assign,assignment]


def _no_validation() -> None:
    """Bodies are read as plain JSON, and values go into the matrix as they are found."""
    import msgspec

    from mlops_assets.modeling.requests.reader import RowReader

    class Body(msgspec.Struct):
        data: list[Any]

    def decode(reader: RowReader) -> Callable[[bytes], Any]:
        return msgspec.json.Decoder(Body).decode

    def encode(reader: RowReader) -> Callable[[Any], Sequence[float]]:
        getters: list[str] = []
        names: dict[str, Any] = {}
        for index, fitted in enumerate(reader.bundle.encoder.fitted):
            value = f"row[{fitted.feature.name!r}]"
            if fitted.categories is not None:
                names[f"code{index}"] = {text: float(code) for text, code in fitted.codes.items()}.get
                value = f"code{index}({value}, {float(len(fitted.categories) + 1)})"
            getters.append(value)
        made: Callable[[Any], Sequence[float]] = eval(f"lambda row: ({', '.join(getters)},)", names)
        return made

    for name, replacement in (("decode", decode), ("encode", encode), ("key_of", lambda reader: lambda row: None)):
        setattr(RowReader, name, property(_once(replacement)))


def _once(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    made: dict[int, Any] = {}

    def get(reader: Any) -> Any:
        return made[id(reader)] if id(reader) in made else made.setdefault(id(reader), make(reader))

    return get
