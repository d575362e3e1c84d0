"""Reading, encoding and scoring in this process: the fast paths against the bundle."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.requests.documents import read_json
from mlops_assets.modeling.requests.edges import edge_rows
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.modeling.requests.reader import RowReader
from mlops_assets.modeling.signature import BundleInputError
from mlops_assets.serving import single_row
from mlops_assets.serving.examples import rows_to_compare
from mlops_assets.serving.journal import text_of_rows
from mlops_assets.serving.scoring import equal, make_scorer
from tests.serving.projects import TYPES, Project, json_rows, people


@cache
def right_rows(digest: str) -> list[dict[str, Any]]:
    return BUNDLES[digest].json_rows(people())


BUNDLES: dict[str, Bundle] = {}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    made = Project(tmp_path_factory.mktemp("scoring")).trained()
    BUNDLES[made.digest] = made
    return made


@pytest.mark.parametrize("task", ["binary_classification", "multiclass_classification", "regression"])
def test_every_row_scores_the_same_alone_and_together_and_by_the_bundle(project: Project, task: str) -> None:
    bundle = project.trained(task=task)
    assert (bundle.calibration is None) == (task == "regression")
    frame = rows_to_compare(bundle, project.store)
    scorer = make_scorer(bundle, frame)
    assert scorer.path == "single_row"
    assert scorer.compared > 150, "holdout rows of its own training set, and edge cases"
    body = json.dumps({"data": bundle.json_rows(frame)}).encode()
    rows = scorer.reader.decode(body).data
    expected = bundle.predict(frame)
    assert equal([scorer.score_row(scorer.reader.encode(row)) for row in rows], expected)
    assert equal(scorer.score_matrix(scorer.reader.typed_matrix(rows)), expected)


def test_an_estimator_that_is_not_lightgbm_is_scored_on_the_thread(project: Project) -> None:
    bundle = project.trained(estimator={"sklearn": "sklearn.linear_model.LogisticRegression"})
    scorer = make_scorer(bundle, edge_rows(bundle))
    assert scorer.path == "thread"
    assert not scorer.inline(1)


def test_an_untested_lightgbm_falls_back_to_the_booster_and_says_so(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_row, "TESTED", ("0.0.",))
    scorer = make_scorer(bundle, edge_rows(bundle))
    assert scorer.path == "booster"
    assert "was not tested" in scorer.note


def test_a_fast_path_that_answers_differently_never_serves(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    right = single_row.SingleRow.score
    monkeypatch.setattr(single_row.SingleRow, "score", lambda self, row: [math.nextafter(n, 2) for n in right(self, row)])
    scorer = make_scorer(bundle, edge_rows(bundle))
    assert (scorer.path, scorer.single) == ("booster", None)
    assert "differently" in scorer.note


def test_edge_rows_hold_every_category_an_unknown_one_and_missing_values(bundle: Bundle) -> None:
    jobs = set(edge_rows(bundle)["job"])
    assert {"baker", "nurse", "smith", None, ""} <= jobs
    assert len(jobs) == 6


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["baker", "2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00.1234567+02:00", "20260131T120000Z", "1999-W01-1"]),
    st.lists(st.integers(), max_size=2),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.fixed_dictionaries({}, optional=dict.fromkeys([*TYPES, "person", "other"], values)))
def test_what_the_generated_decoder_takes_the_bundle_takes_too_with_the_same_numbers(bundle: Bundle, row: dict[str, Any]) -> None:
    reader = RowReader(bundle)
    body = json.dumps({"data": [row]}).encode()
    try:
        expected = reader.matrix([row])
    except RequestError:
        expected = None
    try:
        encoded = reader.encode(reader.decode(body).data[0])
    except ValueError:
        return
    assert expected is not None, "the fast path may only take what the bundle takes"
    assert equal([encoded], expected)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.integers(0, 599), lost=st.sets(st.sampled_from(["income", "job"])), job=st.text(max_size=8))
def test_whatever_a_right_row_holds_it_takes_the_fast_path(bundle: Bundle, index: int, lost: set[str], job: str) -> None:
    row = {**right_rows(bundle.digest)[index], "job": job, **dict.fromkeys(lost)}
    reader = RowReader(bundle)
    body = json.dumps({"data": [row]}, ensure_ascii=False).encode()
    assert equal([reader.encode(reader.decode(body).data[0])], bundle.matrix([row]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no JSON"),
        (b'{"data": [}', "line 1, column 11"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"data": "\\ud800"}', "UTF-8"),
        (b"[" * 100_000, "deep"),
        (b'{"data": ' + b"9" * 10_000 + b"}", "digits"),
    ],
)
def test_what_is_no_json_is_answered_with_400_and_why(content: bytes, said: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        read_json(content)
    assert caught.value.status == 400


def test_not_a_number_and_infinity_are_named_by_their_field(bundle: Bundle) -> None:
    row = json_rows(bundle, 1)[0]
    for text in ("NaN", "Infinity", "-Infinity", "1e999"):
        body = json.dumps({**row, "income": 0.5}).replace("0.5", text).encode()
        with pytest.raises(BundleInputError, match=r"row 0, field 'income': needs a number"):
            bundle.matrix([read_json(body)])


def test_handles_are_given_back_and_threads_have_their_own(bundle: Bundle) -> None:
    from concurrent.futures import ThreadPoolExecutor

    scorer = make_scorer(bundle, edge_rows(bundle))
    rows = bundle.matrix(json_rows(bundle, 100)).tolist()
    expected = [scorer.score_row(row) for row in rows]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: [scorer.score_row(row) for row in rows], range(20)):
            assert found == expected
    assert np.isfinite(expected).all()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"data":[{"a": 1}, {"a":2}]}', b'[{"a": 1}, {"a":2}]'),
        (b'{"data": [{"a": "]} and more["}]} ', b'[{"a": "]} and more["}]'),
        (b' {"data":[{}]}', None),
        (b'{"data":[{"a":\n1}]}', None),
        (b'{"data":[{"a":1}],"data":[{"a":2}]}', None),
        (rb'{"data":[{"a":1}],"\u0064ata":[{"a":2}]}', None),
        (rb'{"data":[{"a":"\"]"}]}', None),
        (b'{"data":[{"data":1}]}', None),
    ],
)
def test_rows_are_journaled_as_they_were_written_where_nothing_can_be_mistaken(body: bytes, text: bytes | None) -> None:
    found = text_of_rows(body)
    assert found == text
    assert found is None or json.loads(found) == json.loads(body)["data"]
