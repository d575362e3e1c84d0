"""Errors for the person who meets them: what was found, where, what is valid, what to do; and the exit codes of all commands.

====  ==============================================================================================================
code  means
====  ==============================================================================================================
0     done
1     the answer is no: a gate is red or inconclusive, a verification found a difference, `mlops check` found errors,
      or the ledger refuses: no passing verdict, no approvals, no right, or a state that does not allow it
2     bad use or bad input: a name, an option, a key, a setting, a definition, a file or rows
3     neither: a program or the machine failed; a traceback says where
130   interrupted
====  ==============================================================================================================
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

RED, BAD_INPUT, CRASHED, INTERRUPTED = 1, 2, 3, 130

_NEAR = 0.8


class MlopsError(Exception):
    """A failure that is the input's or the environment's fault, never a bug; printed without a traceback.

    Attributes keep the parts, so that a program can read them; ``str()`` gives one readable text.
    """

    exit_code = BAD_INPUT

    def __init__(
        self,
        found: str,
        *,
        where: str | None = None,
        valid: Iterable[str] = (),
        do: str | None = None,
    ) -> None:
        self.found = found
        self.where = where
        self.valid = tuple(valid)
        self.do = do
        super().__init__(self._text())

    def _text(self) -> str:
        text = f"{self.where}: {self.found}" if self.where else self.found
        if self.valid:
            text += f" Valid: {', '.join(self.valid)}."
        if self.do:
            text += f" {self.do}"
        return text


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that is most like ``name``, if one is near enough to suggest."""
    matches = difflib.get_close_matches(name, [str(v) for v in valid], n=1, cutoff=0.6)
    return matches[0] if matches else None


def misspelling(found: str, names: Iterable[str]) -> str | None:
    """The name that ``found`` almost is; names that differ only in their digits are different names."""
    match = difflib.get_close_matches(found, list(names), n=1, cutoff=_NEAR)
    if not match or re.sub(r"\d", "", match[0]) == re.sub(r"\d", "", found):
        return None
    return match[0]
