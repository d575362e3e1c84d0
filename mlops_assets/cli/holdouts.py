"""The rows that gates need and a holdout brings, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.lifecycle.power import HoldoutPower
    from mlops_assets.modeling.power import Need
    from mlops_assets.spec.durations import Duration


def holdout_table(found: HoldoutPower) -> str:
    """What each gate of one model needs and has, whether the holdout decides it, and the shortest one that would."""
    brought = found.brought
    worth = brought.worth(brought.size)
    rate = f", base rate {found.assumed.rate:.2g}" if found.model.task != "regression" else ""
    title = f"{found.model.name}: a holdout of {brought.written(brought.size)} has {brought.rows:,} rows, worth {worth:,.0f}{rate}"
    lines = [("gate", "needs", "has", "decides", "shortest", "for a model that is")]
    for one in found.gates:
        shortest = "none" if one.shortest is None else brought.written(one.shortest)
        lines.append((one.gate, _rows(one.needs), f"{one.has:,.0f}", "yes" if one.decides else "no", shortest, one.why))
    return "\n".join([title, *_aligned(lines)])


def needs_text(name: str, holdout: Duration | float, needs: Iterable[Need], rows: int | None) -> str:
    """The same as far as it can be told without data."""
    declared = f"{100 * holdout:.6g}%" if isinstance(holdout, float) else str(holdout)
    known = f"{rows:,} rows a stored partition" if rows is not None else "its rows are not known here"
    lines = [(need.gate, _rows(need.rows), need.why) for need in needs]
    return "\n".join([
        "Effective rows that gates need to pass 9 of 10 sound models, at a base rate of 20% where that matters",
        *_aligned(lines),
        f"  the holdout is {declared}, {known}: `mlops check --data {name}` says whether it decides",
    ])  # fmt: skip


def _rows(needed: int | None) -> str:
    return "no number" if needed is None else f"{needed:,}"


def _aligned(lines: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of cells in columns; the first and the last to the left, the others to the right."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))] if lines else []
    found = []
    for first, *middle, last in lines:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(middle, widths[1:-1], strict=True)), last]
        found.append("  " + "  ".join(cells))
    return found
