"""Training and serving read alike: each spelling of each kind of feature, as a CSV cell and as JSON, is the same value or is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.data.ingest import ingest
from mlops_assets.data.sources import SourceContext
from mlops_assets.data.store import open_store
from mlops_assets.modeling.bundle import Bundle
from mlops_assets.modeling.encoding import Encoder
from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.modeling.requests.forms import FORMS, OWN
from mlops_assets.modeling.requests.reader import RowReader
from mlops_assets.modeling.signature import Feature, Signature
from mlops_assets.registry.pyfunc import BundleModel
from mlops_assets.spec import Dataset
from mlops_assets.spec.columns import ColumnType

MISSING = "missing"
"""Stands for what both read as a missing value."""

TRAINED: dict[ColumnType, list[Any]] = {
    "int64": [1, 2, None],
    "float64": [1.5, 2.0, None],
    "bool": [True, False, None],
    "category": ["1", "a", "b c", None],
    "string": ["true", "x", None],
    "date": ["2024-01-31", "2024-02-29", None],
    "datetime": ["2024-01-31T12:00:00+00:00", "2024-02-29T00:00:00+00:00", None],
}


class Asked:
    """What :class:`RowReader` needs of a bundle: an encoder that was fitted on these values of one feature."""

    def __init__(self, kind: ColumnType, form: Any = "native", nullable: bool = True) -> None:
        feature = Feature("x", kind, nullable)
        self.signature = Signature((feature,))
        values = TRAINED[kind] if nullable else TRAINED[kind][:-1]
        self.encoder = Encoder.fit(pd.DataFrame({"x": pd.Series(values, dtype=object)}), [feature], form=form)

    matrix = Bundle.matrix
    json_rows = Bundle.json_rows


def in_training(asked: Asked, kind: ColumnType, cell: str, folder: Path) -> np.ndarray:
    """The row of the matrix that a cell of a CSV file becomes."""
    (folder / "t.csv").write_text(f'k,x\n1,"{cell}"\n', encoding="utf-8")
    columns = {"k": {"type": "int64"}, "x": {"type": kind, "nullable": True}}
    dataset = Dataset(name="t", source={"csv": "t.csv"}, columns=columns)  # type: ignore[arg-type]
    store = open_store(str(folder / "store"))
    (done,) = ingest(dataset, None, store, SourceContext(folder, folder, folder / "cache"))
    return asked.encoder.transform(store.read(done.manifest).to_pandas())


def in_a_request(asked: Asked, value: str) -> np.ndarray | str:
    """The row of the matrix that a JSON text becomes; or why it is refused, with its place."""
    reader = RowReader(asked)  # type: ignore[arg-type]
    body = f'{{"data":[{{"x":{value}}}]}}'.encode()
    try:
        return reader.matrix_of(OWN.read(reader, body, None))
    except RequestError as error:
        places = [(problem.row, problem.field) for problem in error.problems]
        return error.message if places == [(0, "x")] else f"refused without its place: {places}"


# kind, cell of a CSV file, the same as JSON; None where the request is refused instead.
SAME: list[tuple[ColumnType, str, str]] = [
    ("int64", "1", "1"),
    ("int64", "2.0", "2.0"),
    ("int64", " 2 ", "2"),
    ("int64", "", "null"),
    ("int64", "9007199254740993", "9007199254740993"),
    ("int64", "9223372036854775807", "9223372036854775807"),
    ("int64", "-9223372036854775808", "-9223372036854775808"),
    ("float64", "1.5", "1.5"),
    ("float64", "15e-1", "15e-1"),
    ("float64", "NaN", "null"),
    ("float64", "", "null"),
    ("float64", "-0.0", "-0.0"),
    ("bool", "true", "true"),
    ("bool", "True", "true"),
    ("bool", "1", "true"),
    ("bool", "", "null"),
    ("category", "a", '"a"'),
    ("category", "", '""'),
    ("category", "", "null"),
    ("category", "   ", '"   "'),
    ("category", " a ", '" a "'),
    ("category", "\ta", '"\\ta"'),
    ("category", "b c", '"b c"'),
    ("category", "1", '"1"'),
    ("category", "1.0", '"1.0"'),
    ("category", "never seen", '" never seen"'),
    ("category", "9007199254740993", '"9007199254740993"'),
    ("string", "", '""'),
    ("string", "true", '"true"'),
    ("string", " x", '" x"'),
    ("date", "2024-01-31", '"2024-01-31"'),
    ("date", "", "null"),
    ("datetime", "2024-01-31T12:00:00Z", '"2024-01-31T12:00:00Z"'),
    ("datetime", "2024-01-31T13:00:00+01:00", '"2024-01-31T13:00:00+01:00"'),
    ("datetime", "", "null"),
]


@pytest.mark.parametrize("form", ["native", "numeric"])
@pytest.mark.parametrize(("kind", "cell", "value"), SAME)
def test_what_a_cell_is_in_training_it_is_in_a_request(kind: ColumnType, cell: str, value: str, form: Any, tmp_path: Path) -> None:
    asked = Asked(kind, form)
    found = in_a_request(asked, value)
    assert not isinstance(found, str), found
    np.testing.assert_array_equal(found, in_training(asked, kind, cell, tmp_path))


REFUSED: list[tuple[ColumnType, str, str]] = [
    ("int64", '"1"', "found text"),
    ("int64", '""', "found text"),
    ("int64", "1.5", "whole number"),
    ("int64", "true", "true or false"),
    ("int64", "9223372036854775808", "64 bit"),
    ("int64", "1e400", "needs a whole number"),
    ("float64", '"1.5"', "found text"),
    ("float64", '""', "found text"),
    ("float64", "NaN", "null for a missing value"),
    ("float64", "Infinity", "null for a missing value"),
    ("bool", '"true"', "found text"),
    ("bool", '"True"', "found text"),
    ("bool", "1", "found a number"),
    ("category", "1", "needs text"),
    ("category", "1.0", "needs text"),
    ("category", "true", "needs text"),
    ("category", "9007199254740993", "needs text"),
    ("string", "0", "needs text"),
    ("date", '"2024-01-31T00:00:00Z"', "needs a date"),
    ("date", '""', "needs a date"),
    ("datetime", '"2024-01-31"', "time zone"),
    ("datetime", '"2024-01-31T12:00:00"', "time zone"),
    ("datetime", "1706702400", "found a number"),
]


@pytest.mark.parametrize("form", ["native", "numeric"])
@pytest.mark.parametrize(("kind", "value", "said"), REFUSED)
def test_what_is_no_value_of_its_kind_is_refused_by_row_and_field(kind: ColumnType, value: str, said: str, form: Any) -> None:
    found = in_a_request(Asked(kind, form), value)
    assert isinstance(found, str), found
    assert said in found


@pytest.mark.parametrize("form", ["native", "numeric"])
@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_an_empty_text_is_refused_as_null_is_where_nothing_may_be_missing(text: str, form: Any) -> None:
    found = in_a_request(Asked("category", form, nullable=False), json.dumps(text))
    assert isinstance(found, str)
    assert "is empty, which means missing" in found
    assert "is null" in str(in_a_request(Asked("category", form, nullable=False), "null"))


@pytest.mark.parametrize("form", ["native", "numeric"])
def test_an_empty_text_that_a_source_stored_trains_as_a_missing_value(form: Any) -> None:
    feature = Feature("x", "category")
    empty = Encoder.fit(pd.DataFrame({"x": ["a", "", "b"]}), [feature], form=form)
    null = Encoder.fit(pd.DataFrame({"x": ["a", None, "b"]}), [feature], form=form)
    assert empty.to_json() == null.to_json()
    frame = pd.DataFrame({"x": ["", None]})
    one, other = empty.transform(frame)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("form", ["native", "numeric"])
def test_a_bundle_that_learned_an_empty_text_as_a_category_still_knows_it(form: Any) -> None:
    signature = Signature((Feature("x", "category"),))
    entry = {"categories": ["", " a", "a"], "empty": False, "fills": [], "kept": ["", " a", "a"], "missing": True}
    encoder = Encoder.from_json({"form": form, "features": [entry]}, signature)
    empty, padded, bare, lost = encoder.transform(pd.DataFrame({"x": ["", " a", "a", None]}))
    assert len({row.tobytes() for row in (empty, padded, bare, lost)}) == 4
    asked = Asked("category")
    asked.encoder, asked.signature = encoder, signature
    np.testing.assert_array_equal(in_a_request(asked, '""'), [empty])


def test_every_form_and_mlflows_loader_read_an_empty_text_alike(people: pd.DataFrame, learn: Any) -> None:
    people["job"] = people["job"].fillna("")
    bundle = learn(people).bundle
    assert next(f for f in bundle.signature.features if f.name == "job").nullable, "an empty text in training may come in a request"
    empty = people.tail(5).reset_index(drop=True).assign(job="")
    lost = bundle.predict(empty.assign(job=None)).tolist()
    assert bundle.predict(empty).tolist() == lost
    assert BundleModel(bundle).predict(empty).tolist() == lost
    reader = RowReader(bundle)
    for form in FORMS:
        body, header = form.write(reader, bundle.json_rows(empty))
        assert bundle.score_matrix(reader.matrix_of(form.read(reader, body, header))).tolist() == lost, form.name


def test_a_dictionary_column_with_an_empty_text_may_be_missing_in_a_request(learn: Any) -> None:
    frame = pd.DataFrame({"job": ["a", "", "b"] * 50, "__target": [True, False, True] * 50, "__split": ["train"] * 150})
    whole = frame.assign(job=frame["job"].replace("", "c"))
    for rows, nullable in ((frame, True), (whole, False)):
        bundle = learn(rows.assign(job=rows["job"].astype("category")), types={"job": "category"}).bundle
        assert bundle.signature.features[0].nullable is nullable


def test_rows_hold_whole_numbers_exactly(learn: Any) -> None:
    largest = [2**63 - 1, 2**53 + 1, -(2**63)]
    frame = pd.DataFrame({"n": largest * 50, "__target": [True, False, True] * 50, "__split": ["train"] * 150})
    bundle = learn(frame, types={"n": "int64"}).bundle
    rows = bundle.json_rows(frame.head(3))
    assert [row["n"] for row in rows] == largest
    np.testing.assert_array_equal(bundle.predict_rows(rows), bundle.predict(frame.head(3)))
