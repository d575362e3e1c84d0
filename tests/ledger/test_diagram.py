"""The diagram that people read is the table that the ledger goes by."""

from __future__ import annotations

import re
from pathlib import Path

from mlops_assets.ledger.transitions import TRANSITIONS, diagram

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_shows_the_transitions_that_the_ledger_allows() -> None:
    section = README.read_text(encoding="utf-8").partition("## Deployment states\n")[2].partition("\n## ")[0]
    assert re.findall(r"```mermaid\n(.*?)```", section, re.DOTALL) == [diagram()]


def test_every_transition_is_one_line_that_mermaid_can_read() -> None:
    lines = diagram().splitlines()[1:-1]
    assert len(lines) == len(TRANSITIONS)
    assert all(re.fullmatch(r" {4}(\[\*\]|\w+) --> \w+: [^:;]+", line) for line in lines)
