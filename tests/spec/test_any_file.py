"""Whatever a file holds, it is read to its end: problems come back, never an exception."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.plan import compile_plan
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.problems import errors
from mlops_assets.spec.reading.loading import load_catalogue

DOCUMENTS: list[dict[str, Any]] = [
    {
        "type": "mlops_assets.Dataset",
        "attributes": {
            "name": "orders",
            "owner": "team:a",
            "source": {"csv": {"path": "a.csv", "names": ["id", "t", "x"]}},
            "partitions": {"every": "day", "start": "2026-01-01"},
            "event_time": "t",
            "primary_key": ["id"],
            "columns": {"id": {"type": "int64"}, "x": {"type": "category", "one_of": ["a"], "known": "after"}},
        },
    },
    {
        "type": "mlops_assets.FeatureView",
        "attributes": {"name": "rfm", "entity": "id", "from": ["orders"], "lookback": "9d", "sql": "select id, 1 as n from orders"},
    },
    {
        "type": "mlops_assets.Model",
        "attributes": {
            "name": "churn",
            "task": "binary_classification",
            "entity": "id",
            "features": ["rfm.*"],
            "label": {"horizon": "3d", "sql": "select id, true as y from orders"},
            "training": {
                "window": "30d",
                "holdout": "5d",
                "weights": {"half_life": "3d"},
                "estimator": {"sklearn": [{"name": "a.b.C"}]},
                "tune": {"space": {"alpha": {"low": 1, "high": 2}}},
            },
            "gates": [{"metric": "f1", "at_least": 0.5}, {"gate": "leakage", "off": True, "reason": "r"}],
            "monitor": {"alerts": [{"metric": "error_rate", "above": "5%"}]},
            "rollout": {"strategy": "canary", "steps": ["5%"], "analysis": [{"metric": "f1", "at_least": 1}]},
            "retrain": {"when": {"any": [{"age": "3d"}]}, "confirm": "1 of 2"},
        },
    },
]

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "x", "7d", "5%", "orders", "rfm.n", "{{ env.X }}", "select", "select id from nowhere", ".a:b", "9 months", "2026-13-01"]
    ),
    st.lists(st.sampled_from([1, "x", None, {}]), max_size=2),
    st.dictionaries(st.sampled_from(["metric", "name", "x", "type"]), st.sampled_from([1, "x", None, [], {}]), max_size=2),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in inner for found in places(child, (*path, key)))]


PLACES = [path for path in places(DOCUMENTS) if path]


def put(documents: Any, path: tuple[Any, ...], value: Any) -> None:
    for part in path[:-1]:
        if not isinstance(documents, dict | list) or (isinstance(documents, dict) and part not in documents):
            return
        documents = documents[part] if not isinstance(documents, list) or (isinstance(part, int) and part < len(documents)) else None
    if isinstance(documents, dict) or (isinstance(documents, list) and isinstance(path[-1], int) and path[-1] < len(documents)):
        documents[path[-1]] = value


def problems_of(folder: Path, text: str) -> list[Any]:
    home = folder / "definitions" / "a"
    home.mkdir(parents=True, exist_ok=True)
    (home / "defs.yaml").write_text(text, encoding="utf-8")
    return check_project(folder, {"X": "x"})[1]


def test_the_documents_are_sound_but_for_their_leak_free_warning(tmp_path: Path) -> None:
    assert problems_of(tmp_path, yaml.safe_dump_all(DOCUMENTS)) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), junk), min_size=1, max_size=3))
def test_junk_anywhere_is_reported_or_compiles(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    documents = copy.deepcopy(DOCUMENTS)
    for path, value in changes:
        put(documents, path, copy.deepcopy(value))
    text = yaml.safe_dump_all(documents)
    problems = problems_of(tmp_path, text)
    for problem in problems:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.text()
    if not errors(problems):
        plan = compile_plan(load_catalogue(tmp_path, {"X": "x"})[0])
        assert all(edge.upstream in {asset.key for asset in plan.assets} for asset in plan.assets for edge in asset.deps)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2000), st.text(alphabet=" \t\n:{}[]-#'\"|>&*!%@`,ax0", max_size=6))
def test_any_text_in_between_is_reported(tmp_path: Path, position: int, text: str) -> None:
    whole = yaml.safe_dump_all(DOCUMENTS)
    problems_of(tmp_path, whole[: position % len(whole)] + text + whole[position % len(whole) :])


@pytest.mark.parametrize(
    "text", ["", "\n\n", "---\n---\n", "- a\n", "3\n", "a: &x [*x]\n", "<<: 3\ntype: x\n", "? [a]\n: b\n", "!foo {}\n", "\x00"]
)
def test_odd_files(tmp_path: Path, text: str) -> None:
    assert problems_of(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    home = tmp_path / "definitions" / "a"
    home.mkdir(parents=True)
    (home / "defs.yaml").write_bytes(b"\xff\xfe\x00a")
    (problem,) = check_project(tmp_path)[1]
    assert "UTF-8" in problem.found
