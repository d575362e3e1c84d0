"""The gate that measures time: what a model takes of its own turns it red, what a busy machine adds does not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mlops_assets.modeling.gate_result import GateResult
from mlops_assets.modeling.gates.machine import THIS, Machine, Simulated
from mlops_assets.modeling.synthetic import make_bundle

from .cases import judged, model_of, ranked, scored_set


def result(before_row: Callable[[], None], at_most: float = 10, machine: Machine = THIS, quantile: str = "p99_ms") -> GateResult:
    rows, _ = scored_set(*ranked(0.8, 300))
    bundle = make_bundle("binary_classification", lambda f: f["p"].to_numpy(), {"p": "float64"}, before_row=before_row)
    return judged(model_of(gates=[{"latency": quantile, "at_most": at_most}]), bundle, rows, f"latency_{quantile}", machine=machine)


def simulated(computing: Callable[[int], float], waiting: float = 0.0, held_up: float = 1.0) -> GateResult:
    """The result of a model that computes and waits so many milliseconds in its n-th call, with a limit of 10 ms."""
    world, calls = Simulated(held_up), [0]

    def before_row() -> None:
        calls[0] += 1
        world.compute(computing(calls[0]) / 1000)
        world.wait(waiting / 1000)

    return result(before_row, machine=world.machine)


class TestOnASimulatedMachine:
    def test_fast_passes_and_slow_fails(self) -> None:
        assert simulated(lambda call: 1).status == "pass"
        assert simulated(lambda call: 50).status == "fail"

    def test_a_slow_tail_fails_though_most_are_fast(self) -> None:
        assert simulated(lambda call: 30 if call % 20 == 0 else 1).status == "fail"

    def test_a_tail_about_as_long_as_the_quantile_is_inconclusive(self) -> None:
        assert simulated(lambda call: 30 if call % 100 == 0 else 1).status == "inconclusive"

    def test_a_model_that_waits_fails_by_its_own_waiting(self) -> None:
        assert simulated(lambda call: 1, waiting=20).status == "fail"
        assert simulated(lambda call: 1, waiting=2).status == "pass"

    def test_what_a_busy_machine_adds_is_no_fault(self) -> None:
        held_up = simulated(lambda call: 6, held_up=3)
        assert held_up.status == "inconclusive"
        assert "the machine is busy" in held_up.detail
        assert simulated(lambda call: 6).status == "pass"

    def test_waiting_on_a_busy_machine_may_be_the_machines(self) -> None:
        assert simulated(lambda call: 1, waiting=20, held_up=3).status == "inconclusive"

    def test_within_the_limit_passes_on_a_busy_machine(self) -> None:
        assert simulated(lambda call: 2, held_up=3).status == "pass"

    def test_computing_far_beyond_the_limit_fails_on_a_busy_machine(self) -> None:
        assert simulated(lambda call: 50, held_up=3).status == "fail"

    def test_computing_that_a_neighbour_on_the_core_may_have_doubled_is_no_fault(self) -> None:
        assert simulated(lambda call: 15, held_up=3).status == "inconclusive"
        assert simulated(lambda call: 15).status == "fail"

    def test_both_times_and_those_of_the_reference_are_shown(self) -> None:
        found = simulated(lambda call: 4, held_up=2)
        reference = found.data["reference"]
        assert found.observed == pytest.approx(8)
        assert found.data["cpu"]["value_ms"] == pytest.approx(4)
        assert reference["wall_ms"] == pytest.approx(2 * reference["quiet_ms"])
        assert reference["cpu_ms"] == pytest.approx(4)
        assert reference["busy"]
        for shown in ("8 ms", "4 ms CPU time", "2 times its quiet"):
            assert shown in found.detail


def computing(seconds: float) -> Callable[[], None]:
    """Computes so long by the clock of its thread."""

    def burn() -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    return burn


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many other processes that only compute."""
    others: list[subprocess.Popen[Any]] = []
    try:
        others += [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
        time.sleep(0.2)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


class TestOnThisMachine:
    """The machine may be busy with other tests: what is asserted holds on any."""

    def test_a_sound_model_does_not_fail_under_load(self) -> None:
        with load(4):
            found = [result(computing(0.005), at_most=9, quantile=quantile) for quantile in ("p50_ms", "p95_ms")]
        assert {one.status for one in found} <= {"pass", "inconclusive"}, [one.detail for one in found]

    def test_a_slow_model_never_passes(self) -> None:
        alone = result(computing(0.005), at_most=2, quantile="p50_ms")
        with load(4):
            beside = result(computing(0.005), at_most=2, quantile="p50_ms")
        assert alone.status == "fail", alone.detail
        assert beside.status in ("fail", "inconclusive"), beside.detail

    def test_a_model_that_waits_never_passes(self) -> None:
        found = result(lambda: time.sleep(0.01), at_most=3, quantile="p50_ms")
        assert found.status == ("inconclusive" if found.data["reference"]["busy"] else "fail"), found.detail
