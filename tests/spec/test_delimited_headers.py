"""The header that definitions are checked against is the one that is read."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.spec import Dataset
from mlops_assets.spec.checking.known_columns import dataset_columns


def known(folder: Path, content: bytes, name: str = "rows.csv", **form: Any) -> tuple[str, ...]:
    (folder / name).write_bytes(content)
    return dataset_columns(Dataset(name="rows", source={"csv": {"path": name, **form}}), folder).names


@pytest.mark.parametrize(
    ("content", "form", "names"),
    [
        (b"\n\nid,name\n1,x\n", {}, ("id", "name")),
        (b'id,"Unit price\n(EUR)"\n1,5\n', {}, ("id", "Unit price\n(EUR)")),
        (b"id,x\r1,2\r", {}, ("id", "x")),
        (b"\xef\xbb\xbf# exported\r\n id ,,x\r\n1,2,3\r\n", {"comment": "#"}, ("id", "column_2", "x")),
        ("passed over\nid,表\n".encode("utf-16"), {"encoding": "utf-16", "skip_lines": 1}, ("id", "表")),
        (b'id,"' + b"n" * 300_000 + b'"\n', {}, ("id", "n" * 300_000)),
    ],
)
def test_the_header_of_a_file_as_it_is_found_is_known(tmp_path: Path, content: bytes, form: dict[str, Any], names: tuple[str, ...]) -> None:
    assert known(tmp_path, content, **form) == names


@pytest.mark.parametrize("name, packed", [("rows.csv.gz", gzip.compress), ("rows.csv.bz2", bz2.compress)])
def test_the_header_of_a_packed_file_is_known(tmp_path: Path, name: str, packed: Any) -> None:
    assert known(tmp_path, packed(b"id,x\n1,2\n"), name) == ("id", "x")
    assert known(tmp_path, packed(b"id,x\n1,2\n")[:9], name) == ()


@pytest.mark.parametrize(
    ("content", "form"),
    [(b"id,M\xfcller\n", {}), (b'id,"x\n', {}), (b"a,a\n", {}), (b"", {}), (b"id\n", {"encoding": "klingon"}), (b"id\n", {"quote": ","})],
)
def test_a_header_that_cannot_be_read_is_unknown_and_no_failure_of_the_check(tmp_path: Path, content: bytes, form: dict[str, Any]) -> None:
    assert known(tmp_path, content, **form) == ()
