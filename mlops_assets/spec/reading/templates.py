"""``{{ env.NAME }}`` in the strings of a definition."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_assets.spec.problems import KeyPath

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_ENV = re.compile(r"env\.([A-Za-z_]\w*)")


@dataclass
class Rendered:
    """Attributes with the environment filled in.

    Attributes:
        value: the rendered attributes; a string with a mistake keeps its text.
        mistakes: key path and message of everything that could not be rendered.
        written: rendered string -> the text as written, so that a value from the environment need not be shown.
    """

    value: Any
    mistakes: list[tuple[KeyPath, str]] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)


def render(attributes: Any, environment: Mapping[str, str], untouched: Collection[str] = ()) -> Rendered:
    """Fill ``{{ env.NAME }}`` into every string but those of keys ``untouched``. An unset variable is a mistake, never an empty value."""
    result = Rendered(None)
    result.value = _render(attributes, (), environment, untouched, result)
    return result


def _render(value: Any, path: KeyPath, environment: Mapping[str, str], untouched: Collection[str], result: Rendered) -> Any:
    if isinstance(value, dict):
        return {key: _render(inner, (*path, key), environment, untouched, result) for key, inner in value.items()}
    if isinstance(value, list):
        return [_render(inner, (*path, number), environment, untouched, result) for number, inner in enumerate(value)]
    if not isinstance(value, str) or "{{" not in value or (path and path[-1] in untouched):
        return value
    mistakes = list(_mistakes(value, environment))
    if mistakes:
        result.mistakes += [(path, message) for message in mistakes]
        return value
    text = _EXPRESSION.sub(lambda match: environment[match.group(1).strip().removeprefix("env.")], value)
    result.written[text] = value
    return text


def _mistakes(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    expressions = _EXPRESSION.findall(text)
    if len(expressions) != text.count("{{"):
        yield f"{text!r} opens {{{{ without closing it; write {{{{ env.NAME }}}}"
    for expression in expressions:
        match = _ENV.fullmatch(expression.strip())
        if match is None:
            yield f"{{{{ {expression.strip()} }}}} is not known; only {{{{ env.NAME }}}} is"
        elif match.group(1) not in environment:
            yield f"the environment variable {match.group(1)} is not set"
