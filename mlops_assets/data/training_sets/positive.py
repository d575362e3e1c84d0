"""Which class of a binary target a definition names as positive, and how a class is written in a definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mlops_assets.spec.scalars import Written, in_yaml, plain

_WORDS = {
    True: frozenset({"true", "yes", "on", "y", "t", "1", "1.0"}),
    False: frozenset({"false", "no", "off", "n", "f", "0", "0.0"}),
}


def positive_class(classes: Iterable[Any], positive: Any) -> Any | None:
    """The one of ``classes`` that ``positive`` names, None where it names none or could name several.

    The class that is written just like it counts; then one of the same value; then the only one that spells the same number or the same
    boolean: ``True`` names `yes` among `yes` and `no`, and nothing among `yes` and `true`.

    Args:
        classes: distinct values of the target.
        positive: as the definition has it, with its own text where it was read from a file.
    """
    found, value = list(classes), plain(positive)
    written = str(positive) if isinstance(positive, Written | str) else None
    exactly: list[Callable[[Any], bool]] = [
        lambda one: isinstance(one, str) and one == written,
        lambda one: isinstance(one, str) == isinstance(value, str) and bool(one == value),
        lambda one: _number(one) is not None and _number(one) == _number(value),
        lambda one: _truth(one) is not None and _truth(one) is _truth(value) and True in (isinstance(value, bool), isinstance(one, bool)),
    ]
    for same in exactly:
        if fitting := [one for one in found if same(one)]:
            return fitting[0] if len(fitting) == 1 else None
    return None


def positive_line(classes: Sequence[Any]) -> str:
    """A line for the definition that names the last of ``classes`` as positive, and works as it is when it is pasted."""
    return f"positive: {in_yaml(classes[-1])}"


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    for read in (int, float):
        try:
            return read(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return None


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    return next((truth for truth, words in _WORDS.items() if text in words), None)
