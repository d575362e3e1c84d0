"""Every kind of source that can be declared has its file, and that file says what the kind can do."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from mlops_assets.data.sources import SourceContext, has_history, in_order, reads_only_window
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.spec import Dataset
from mlops_assets.spec.digest import functions
from mlops_assets.spec.sources import Source, SourceFormat

SQL = {"url": "sqlite:///shop.db", "query": "select 1"}
URL = {"url": "https://example.org/rows", "sha256": "a" * 64}
FUNCTIONS = "def both(start, end): ...\ndef none(): ...\ndef given(x): ...\n"


@pytest.mark.parametrize("kind, form", Source.formats().items())
def test_every_declared_kind_has_a_file_of_its_name(kind: str, form: type[SourceFormat]) -> None:
    assert issubclass(form, SourceFormat)
    assert isinstance(import_module(f"mlops_assets.data.sources.{kind}").SOURCE, SourceKind)


@pytest.mark.parametrize(
    "source, history, only_window, ordered",
    [
        ({"csv": "rows.csv"}, False, False, True),
        ({"csv": "{partition}.csv"}, True, False, True),
        ({"json": "rows.json"}, False, False, True),
        ({"json": "{partition}.json"}, True, False, True),
        ({"parquet": "rows.parquet"}, False, True, True),
        ({"parquet": "{partition}.parquet"}, True, True, True),
        ({"sql": SQL}, False, False, False),
        ({"sql": SQL | {"query": "select 1 where at < :end"}}, True, False, False),
        ({"url": URL}, False, False, True),
        ({"url": URL | {"format": "parquet"}}, False, True, True),
        ({"python": ".fn:both"}, True, False, True),
        ({"python": ".fn:none"}, False, False, True),
        ({"python": {"function": ".fn:given", "arguments": {"x": 1}}}, False, False, True),
        ({"sklearn": "iris"}, False, False, True),
        ({"simulator": "orders"}, True, False, True),
    ],
)
def test_what_a_kind_can_do(tmp_path: Path, source: dict[str, object], history: bool, only_window: bool, ordered: bool) -> None:
    (tmp_path / "fn.py").write_text(FUNCTIONS)
    dataset = Dataset(name="rows", source=source)
    context = SourceContext(project=tmp_path, folder=tmp_path, cache=tmp_path)
    assert (has_history(dataset, context), reads_only_window(dataset), in_order(dataset)) == (history, only_window, ordered)


def test_the_functions_that_a_source_names_count_among_those_of_its_data_set() -> None:
    dataset = Dataset(name="rows", source={"python": ".fn:rows"}, prepare=".fn:clean")
    assert list(functions(dataset)) == [(("source", "python", "function"), ".fn:rows"), (("prepare",), ".fn:clean")]
    assert list(functions(Dataset(name="rows", source={"sklearn": "iris"}))) == []
