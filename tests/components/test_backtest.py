"""A range of past models is a walk-forward backtest: each judged by the champion of its time, and nothing is registered."""

from __future__ import annotations

from tests.components.project import KEY, Shop


def test_past_models_are_judged_by_the_champion_of_their_time_and_registered_by_nobody(trained: Shop) -> None:
    assert trained.run("churn/champion").success
    before, after = "2026-02-10", "2026-02-12"
    for key in (before, after):
        trained.runner.prepare("churn", key)
    result = trained.run("churn/training_set", "churn/model", "churn/evaluation", first=before, last=after)
    assert result.success or trained.materialization("churn/evaluation", after) is not None
    champions = {}
    for key in (before, KEY, after):
        shown = trained.materialization("churn/evaluation", key)
        assert shown is not None
        gates = {row.data["name"]: row.data["status"] for row in shown.metadata["gates"].value.records}
        champions[key] = gates["champion"]
    assert champions[before] == "not_applicable"
    assert champions[after] != "not_applicable"
    assert len({trained.version("churn/model", key) for key in champions}) == 3
    assert trained.registered() == [1]
