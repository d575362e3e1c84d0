"""A cheap cut of ``benchmarks/gates``: a gate that becomes stricter or laxer shows its cost here."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gates.run import Seen, run_world

WORLDS = ("independent rows", "1,000 rows in all", "near-duplicates", "gradual drift", "autocorrelated days")
OPEN = {"1,000 rows in all": {"champion"}, "near-duplicates": {"calibration", "champion"}, "autocorrelated days": {"calibration"}}
"""What a few hundred effective rows may leave open on a sound model."""
WEAK = "probabilities 1.5 times as sure as right"
"""What a few hundred effective rows do not show."""


def of(seen: list[Seen], *statuses: str) -> list[tuple[str, str, str]]:
    return [(decision.fault or decision.round, decision.gate, decision.detail) for decision in seen if decision.status in statuses]


@pytest.mark.parametrize("world", WORLDS)
def test_default_gates_are_not_red_on_sound_models_and_refuse_planted_faults(world: str, tmp_path: Path) -> None:
    seen = run_world(world, tmp_path, rounds=3, fault_rounds=1)
    sound = [decision for decision in seen if decision.fault is None]
    assert len({decision.round for decision in sound}) == 3
    assert of(sound, "fail") == []
    assert {gate for _, gate, _ in of(sound, "inconclusive")} <= OPEN.get(world, set())
    faults = [decision for decision in seen if decision.fault is not None]
    assert len(faults) >= 10
    assert {fault for fault, _, _ in of(faults, "pass")} <= ({WEAK} if world in OPEN else set())
