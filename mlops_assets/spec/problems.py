"""What is wrong with a definition: where it stands, what was found, what is valid, what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

KeyPath = tuple[str | int, ...]
"""Keys and list positions from the top of a declaration's attributes down to a value."""

Severity = Literal["error", "warning"]

_LISTED = 40


def spell(path: Iterable[str | int]) -> str:
    """A key path as people write it: ``gates[2].metric``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@dataclass(frozen=True)
class Problem:
    """One mistake in a definition file. An error makes the definition unusable, a warning does not.

    Attributes:
        file: the file that holds it.
        line: its line, from 1.
        path: path of the key, as :func:`spell` writes it; empty for the file as a whole.
        found: one sentence that says what is there.
        valid: what may stand there, if that can be listed.
        suggestion: the valid name that was probably meant.
        do: what to do about it, where a name does not say it.
        about: whether the key itself is wrong or what stands there.
    """

    file: Path
    line: int
    path: str
    found: str
    valid: tuple[str, ...] = ()
    suggestion: str | None = None
    severity: Severity = "error"
    do: str | None = None
    about: Literal["key", "value"] = "value"

    def __str__(self) -> str:
        return self.text()

    def text(self, root: Path | None = None) -> str:
        """``file:line: error: path: found …``, with the file relative to ``root`` where it lies below it."""
        subject = f"{self.path}: " if self.path else ""
        return f"{self.location(root)}: {self.severity}: {subject}{self.sentence}"

    def location(self, root: Path | None = None) -> str:
        """``file:line``."""
        file = self.file
        if root is not None and file.is_absolute() and file.is_relative_to(root.absolute()):
            file = file.relative_to(root.absolute())
        return f"{file}:{self.line}"

    @property
    def sentence(self) -> str:
        """What was found, what was probably meant, what is valid and what to do, as one line."""
        text = self.found if self.found.endswith((".", "?", "!")) else f"{self.found}."
        if self.suggestion:
            text += f" Did you mean `{self.suggestion}`?"
        if self.valid:
            listed = ", ".join(self.valid[:_LISTED])
            text += f" Valid: {listed}{', …' if len(self.valid) > _LISTED else ''}."
        if self.do:
            text += f" {self.do}"
        return " ".join(text.split())

    def to_json(self, root: Path | None = None) -> dict[str, Any]:
        """The parts as plain data."""
        return {
            "file": self.location(root).rsplit(":", 1)[0],
            "line": self.line,
            "path": self.path,
            "found": self.found,
            "valid": list(self.valid),
            "suggestion": self.suggestion,
            "do": self.do,
            "severity": self.severity,
            "about": self.about,
        }


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems by file, line and path, each once."""
    return sorted(dict.fromkeys(problems), key=lambda p: (str(p.file), p.line, p.path, p.found))


def errors(problems: Sequence[Problem]) -> list[Problem]:
    """Those that make a definition unusable."""
    return [problem for problem in problems if problem.severity == "error"]
