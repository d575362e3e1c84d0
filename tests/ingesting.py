"""A project folder with a store, and short ways to ingest: what the tests of sources and of ingestion share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mlops_assets.data.ingest import Ingested, ingest
from mlops_assets.data.sources import SourceContext
from mlops_assets.data.store import Store, open_store
from mlops_assets.spec import Dataset


@dataclass(frozen=True)
class Project:
    """A folder, its store, and its source context."""

    folder: Path
    store: Store
    context: SourceContext

    def ingest(self, dataset: Dataset, keys: Sequence[str] | None = None, now: datetime | None = None) -> list[Ingested]:
        return list(ingest(dataset, keys, self.store, self.context, now=now))

    def rows(self, dataset: Dataset, key: str | None = None) -> list[dict[str, Any]]:
        """Rows of the current version."""
        manifest = self.store.current(dataset.name, key)
        assert manifest is not None
        return self.store.read(manifest).to_pylist()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    context = SourceContext(tmp_path, tmp_path, tmp_path / "cache", retry_seconds=0.01)
    return Project(tmp_path, open_store(str(tmp_path / "store")), context)
