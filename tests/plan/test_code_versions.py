"""Digests of definitions stay as they are while nothing is declared otherwise: stores and ledgers of running projects hold them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlops_assets.plan import compile_plan
from mlops_assets.spec.checking.check import check_project
from mlops_assets.spec.decides import ROWS
from mlops_assets.spec.digest import declaration_digest, spec_digest

TESTS = Path(__file__).parents[1]
SNAPSHOT = Path(__file__).with_name("code_versions.txt")


def digests(project: Path) -> Iterator[str]:
    catalogue, problems = check_project(project, {"WAREHOUSE": "shop.db"})
    assert problems == []
    for name in (*catalogue.datasets, *catalogue.views, *catalogue.models):
        yield f"definition {name} {spec_digest(name, catalogue)}"
    for name in catalogue.datasets:
        yield f"rows {name} {declaration_digest(name, catalogue, ROWS)[:16]}"
    for asset in compile_plan(catalogue).assets:
        yield f"{asset.kind} {asset.key} {asset.code_version}"


def test_every_digest_is_what_it_was() -> None:
    lines = []
    for project in (TESTS.parent, TESTS / "spec" / "every_field"):
        lines += [f"{project.name if project != TESTS.parent else 'definitions'}:", *digests(project), ""]
    text = "\n".join(lines)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()
