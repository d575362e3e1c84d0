"""A file that changes while it is read is not taken for what it is afterwards."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_assets.data.ingest import typed
from mlops_assets.data.sources import SourceError
from mlops_assets.spec import Dataset


@pytest.mark.parametrize("prepare", [None, ".functions:keep"])
@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_a_file_that_grows_while_it_is_read_is_refused_and_read_the_next_time(
    project: Any, monkeypatch: pytest.MonkeyPatch, suffix: str, prepare: str | None
) -> None:
    (project.folder / "functions.py").write_text("def keep(frame):\n    return frame\n")

    def write(rows: int) -> None:
        if suffix == "json":
            project.write("a.json", '{"x": 1}\n' * rows)
        else:
            pq.write_table(pa.table({"x": [1] * rows}), project.folder / "a.parquet")

    def read(*given: Any) -> Any:
        yield from read_pieces(*given)
        write(3)

    read_pieces = typed.read_pieces
    data = Dataset(name="rows", source={suffix: f"a.{suffix}"}, prepare=prepare)
    write(2)
    with monkeypatch.context() as growing:
        growing.setattr(typed, "read_pieces", read)
        with pytest.raises(SourceError, match=rf"a\.{suffix}: it changed while it was read"):
            project.ingest(data)
    assert project.store.current("rows", None) is None
    (one,) = project.ingest(data)
    assert one.rows == 3
