"""The tables of the language: what they list, and that what belongs to a row is there."""

from __future__ import annotations

from mlops_assets.spec.gates import DEFAULT_GATES, GATE_KINDS, GATES, Gate
from mlops_assets.spec.metrics import MAIN_METRIC, METRICS, OTHER_NAMES, SERVING_METRICS, TASK_METRICS
from mlops_assets.spec.model import Model
from mlops_assets.spec.tasks import TASKS


def test_a_declared_gate_is_a_key_and_a_default_one_a_choice() -> None:
    schema = Gate.model_json_schema()["properties"]
    assert set(GATE_KINDS) <= set(schema)
    assert tuple(schema["gate"]["anyOf"][0]["enum"]) == DEFAULT_GATES
    assert len({row.name for row in GATES}) == len(GATES)


def test_the_metrics_of_a_task_have_places_from_one_on() -> None:
    for task in TASKS:
        assert sorted(row.places[task] for row in METRICS.values() if task in row.places) == list(range(1, len(TASK_METRICS[task]) + 1))


def test_every_task_has_one_main_metric_of_its_own() -> None:
    mains = [task for row in METRICS.values() for task in row.main_of]
    assert sorted(mains) == sorted(TASKS)
    assert all(MAIN_METRIC[task] in TASK_METRICS[task] for task in TASKS)


def test_no_name_means_two_things() -> None:
    others = [other for row in METRICS.values() for other in row.other_names]
    assert len(others) == len(set(others)) == len(OTHER_NAMES)
    assert not set(others) & set(METRICS)
    assert not set(SERVING_METRICS) & set(METRICS)


def test_a_model_names_a_task_of_the_table() -> None:
    assert tuple(Model.model_json_schema()["properties"]["task"]["enum"]) == TASKS
