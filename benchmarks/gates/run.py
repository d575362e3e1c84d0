"""How often each default gate is red on sound models, and how often it catches a planted fault of known size.

    python benchmarks/gates/run.py [--rounds 20] [--fault-rounds 5] [--data ../shared/data] [--world NAME …] [--processes 2]

Every world gives rounds: a training set, a model trained on it as declared, and a champion that learned from its oldest 80 %. Each round's
model is sound, so what its gates say but "pass" is a false alarm; then faults are planted into the same round, one at a time. Prints
Markdown tables, the second with the worlds one by one, and where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.gates.rounds import World

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))
DECIDES = 1000
"""Effective rows from which on an inconclusive gate counts against the bar."""
BAR_FAIL, BAR_ANY, BAR_INCONCLUSIVE, BAR_CAUGHT = 0.01, 0.03, 0.10, 0.99


@dataclass(frozen=True)
class Seen:
    """One decision: of which gate, in which world and round, for which fault (None: a sound model)."""

    world: str
    round: str
    fault: str | None
    gate: str
    status: str
    n_effective: float
    detail: str


def main() -> None:
    """Run every world and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--fault-rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--world", action="append", help="Only this world; may be given several times.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--details", action="store_true", help="Print every decision that is not a pass on a sound model.")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    names = [name for name in world_names(given.data) if not given.world or name in given.world]
    if not names:
        sys.exit(f"no such world; there are: {', '.join(world_names(given.data))}")
    began = time.perf_counter()
    with ProcessPoolExecutor(given.processes) as pool:
        found = list(pool.map(run_world, *zip(*[(name, given.data, given.rounds, given.fault_rounds) for name in names], strict=True)))
    seen = [decision for world in found for decision in world]
    print(report(seen))
    print(f"\n{len(names)} worlds, {given.rounds} rounds at most: {time.perf_counter() - began:.0f} s on {given.processes} processes")
    if given.details:
        for decision in seen:
            if decision.fault is None and decision.status in ("fail", "inconclusive"):
                print(f"{decision.world}, {decision.round}: {decision.gate} {decision.status}: {decision.detail}")


def worlds(data: Path) -> tuple[World, ...]:
    from benchmarks.gates.declared import declared_worlds
    from benchmarks.gates.generated import GENERATED
    from benchmarks.gates.real import real_worlds

    return (*declared_worlds(data), *real_worlds(data), *GENERATED)


def world_names(data: Path) -> list[str]:
    return [world.name for world in worlds(data)]


def run_world(name: str, data: Path, rounds: int, fault_rounds: int) -> list[Seen]:
    """Every decision in one world."""
    from benchmarks.gates.faults import faults_of
    from mlops_assets.errors import MlopsError
    from mlops_assets.modeling.gates import judge_one
    from mlops_assets.spec.gates import gate_names

    world = next(world for world in worlds(data) if world.name == name)
    seen: list[Seen] = []
    for number, turn in enumerate(world.rounds(rounds)):
        gates = [(name, gate) for name, gate in gate_names(turn.model.gates) if gate.gate is not None and not gate.off]
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            try:
                champion = turn.train(folder / "champion", turn.older())
                sound = turn.train(folder / "sound")
            except MlopsError as error:
                print(f"{name}, {turn.name}: no model: {error}", file=sys.stderr)
                continue
            context = turn.context(sound, champion)
            for gate_name, gate in gates:
                result = judge_one(context, gate_name, gate)
                seen.append(Seen(name, turn.name, None, gate_name, result.status, context.holdout.n_effective, result.detail))
            if number >= fault_rounds:
                continue
            for fault in faults_of(turn, sound, folder):
                planted = fault.context()
                results = [judge_one(planted, name, gate) for name, gate in gates if name in fault.gates]
                worst = next((r for status in ("fail", "inconclusive", "pass") for r in results if r.status == status), None)
                if worst is not None:
                    seen.append(Seen(name, turn.name, fault.name, worst.name, worst.status, planted.holdout.n_effective, worst.detail))
    return seen


def report(seen: Sequence[Seen]) -> str:
    """The tables as Markdown, and what misses its bar."""
    sound = [decision for decision in seen if decision.fault is None and decision.status != "not_applicable"]
    planted = [decision for decision in seen if decision.fault is not None]
    gates = list(dict.fromkeys(decision.gate for decision in sound))
    missed: list[str] = []
    lines = [
        "| default gate | sound models | fails | inconclusive | inconclusive, large holdouts |",
        "|---|---|---|---|---|",
    ]

    def row(name: str, statuses: Sequence[tuple[str, float]], bar: float) -> str:
        count = Counter(status for status, _ in statuses)
        large = [status for status, worth in statuses if worth >= DECIDES]
        failed = count["fail"] / len(statuses)
        open_ = large.count("inconclusive") / len(large) if large else 0.0
        if failed > bar:
            missed.append(f"{name} fails {failed:.1%} of sound models, the bar is {bar:.0%}")
        if open_ > BAR_INCONCLUSIVE:
            missed.append(f"{name} is inconclusive on {open_:.1%} of {len(large)} large holdouts, the bar is {BAR_INCONCLUSIVE:.0%}")
        return f"| {name} | {len(statuses)} | {failed:.1%} | {count['inconclusive'] / len(statuses):.1%} | {open_:.1%} of {len(large)} |"

    for gate in gates:
        lines.append(row(gate, [(d.status, d.n_effective) for d in sound if d.gate == gate], BAR_FAIL))
    lines.append(row("all together", list(worst_of(sound).values()), BAR_ANY))
    lines += ["", "| world | rounds | effective rows | not passed on sound models |", "|---|---|---|---|"]
    for world in dict.fromkeys(d.world for d in sound):
        mine = [d for d in sound if d.world == world]
        rounds = len({d.round for d in mine})
        worth = sorted({d.round: d.n_effective for d in mine}.values())
        count = Counter((d.gate, d.status) for d in mine if d.status != "pass")
        words = ", ".join(f"{gate} {status} {n}" for (gate, status), n in sorted(count.items())) or "nothing"
        lines.append(f"| {world} | {rounds} | {worth[0]:.0f} … {worth[-1]:.0f} | {words} |")
    if planted:
        lines += [
            "",
            "| planted fault | planted | refused | fails | refused, large holdouts | where it passed |",
            "|---|---|---|---|---|---|",
        ]
        for fault in dict.fromkeys(d.fault for d in planted):
            mine = [d for d in planted if d.fault == fault]
            large = [d for d in mine if d.n_effective >= DECIDES]
            refused, surely = share(mine, "fail", "inconclusive"), share(large, "fail", "inconclusive")
            if surely < BAR_CAUGHT:
                missed.append(f"{fault}: refused in {surely:.1%} of {len(large)} large holdouts, the bar is {BAR_CAUGHT:.0%}")
            where = ", ".join(f"{world} {n}" for world, n in Counter(d.world for d in mine if d.status == "pass").items())
            numbers = f"{len(mine)} | {refused:.1%} | {share(mine, 'fail'):.1%} | {surely:.1%} of {len(large)}"
            lines.append(f"| {fault} | {numbers} | {where} |")
    return "\n".join([*lines, "", *(f"missed: {words}" for words in missed)])


def share(decisions: Sequence[Seen], *statuses: str) -> float:
    """The part of decisions that have one of the statuses; 1 of none."""
    return sum(d.status in statuses for d in decisions) / len(decisions) if decisions else 1.0


def worst_of(decisions: Sequence[Seen]) -> dict[tuple[str, str], tuple[str, float]]:
    """The worst status of all gates of each round, and its effective rows."""
    by_round: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for decision in decisions:
        by_round[decision.world, decision.round].append(decision)
    order = ("fail", "inconclusive", "pass")
    return {
        key: (next(status for status in order if any(d.status == status for d in mine)), mine[0].n_effective)
        for key, mine in by_round.items()
    }


if __name__ == "__main__":
    main()
