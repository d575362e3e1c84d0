from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlops_assets.modeling.gates import GateResult
from mlops_assets.modeling.verdict import Verdict, VerdictError

DIGESTS: dict[str, str | None] = {"bundle": "b" * 64, "trees": "t" * 64, "data": "d" * 64, "spec": "s" * 64}


def gate(status: Any, name: str = "g") -> GateResult:
    return GateResult(name, status, 0.8, "at least 0.7", (0.75, 0.85), 100, 80.0, "fine", {"a": 1})


def verdict(*statuses: str, **more: Any) -> Verdict:
    gates = [gate(status, f"g{i}") for i, status in enumerate(statuses)]
    return Verdict.of("churn", "2026-01-01", gates, **{"digests": DIGESTS, "environment": "test", **more})


@pytest.mark.parametrize(
    ("statuses", "overall"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "not_applicable", "off"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["pass", "inconclusive", "fail"], "fail"),
        (["not_applicable", "off"], "inconclusive"),
        ([], "inconclusive"),
        (["pass", "passed"], "inconclusive"),
    ],
)
def test_only_passes_add_up_to_a_pass(statuses: list[str], overall: str) -> None:
    assert verdict(*statuses).status == overall
    assert verdict(*statuses).allows == (overall == "pass")


def test_a_verdict_whose_status_was_set_by_hand_allows_nothing() -> None:
    assert not replace(verdict("fail"), status="pass").allows


def test_it_binds_to_exactly_what_was_judged() -> None:
    found = verdict("pass")
    assert found.binds(DIGESTS, "test") == []
    for name in DIGESTS:
        assert [name in text for text in found.binds({**DIGESTS, name: "x" * 64}, "test")] == [True]
        assert len(found.binds({k: v for k, v in DIGESTS.items() if k != name}, "test")) == 1
    assert found.binds(DIGESTS, "prod") == ["environment is prod, judged was test"]


def test_it_survives_json_and_keeps_its_id() -> None:
    found = verdict("pass", "not_applicable", champion="c" * 64, waivers=[{"gate": "g", "by": "ana", "reason": "known"}])
    again = Verdict.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert again.id == found.id


def test_equal_judgements_have_the_same_id_and_any_change_another() -> None:
    assert verdict("pass").id == verdict("pass").id
    others = [verdict("fail"), verdict("pass", environment="prod"), verdict("pass", champion="c"), verdict("pass", "pass")]
    assert len({v.id for v in [verdict("pass"), *others]}) == 5


@pytest.mark.parametrize("path", [("status",), ("gates", 0, "status"), ("digests", "bundle"), ("gates", 0, "observed"), ("environment",)])
def test_an_altered_verdict_is_refused(path: tuple[Any, ...]) -> None:
    body = json.loads(json.dumps(verdict("fail").to_json()))
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = "pass"
    with pytest.raises(VerdictError, match="altered"):
        Verdict.from_json(body)


def test_a_verdict_without_a_digest_is_refused() -> None:
    for name in ("bundle", "data", "spec"):
        with pytest.raises(VerdictError, match=name):
            verdict("pass", digests={**DIGESTS, name: None})
    assert verdict("pass", digests={**DIGESTS, "trees": None}).allows


def test_a_verdict_that_lacks_a_part_is_refused() -> None:
    body = verdict("pass").to_json()
    for key in ("id", "gates", "digests"):
        with pytest.raises(VerdictError):
            Verdict.from_json({k: v for k, v in body.items() if k != key})


def test_numbers_that_are_none_become_null() -> None:
    result = replace(gate("inconclusive"), observed=float("nan"), data={"x": [float("inf"), 1.0]})
    assert result.to_json()["observed"] is None
    assert result.to_json()["data"] == {"x": [None, 1.0]}
