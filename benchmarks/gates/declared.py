"""The models of the repository's definitions, trained as they say, walked forward over their as-of partitions."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gates.rounds import Round, World

REPOSITORY = Path(__file__).resolve().parents[2]
BANK_FILE = "bank-additional-full.csv"


def walked(folder: str, name: str, keys: Sequence[str]) -> World:
    """The model ``name`` of ``definitions/<folder>`` at the newest of the as-of partitions ``keys``."""

    def rounds(count: int) -> Iterator[Round]:
        from mlops_assets.data.features.computing import compute_features
        from mlops_assets.data.ingest import ingest
        from mlops_assets.data.training_sets.rows import TrainingSetError
        from mlops_assets.data.training_sets.training_set import build_training_set
        from mlops_assets.lifecycle.needs import read_by_model
        from mlops_assets.lifecycle.workspace import open_workspace

        with tempfile.TemporaryDirectory() as scratch:
            project = Path(scratch)
            (project / "dagster_home").mkdir()
            for file in ("pyproject.toml", "workspace.yaml", "dagster_home/dagster.yaml"):
                shutil.copy(REPOSITORY / file, project / file)
            shutil.copytree(REPOSITORY / "definitions" / folder, project / "definitions" / folder)
            workspace = open_workspace(project)
            catalogue, store = workspace.catalogue, workspace.store
            model = catalogue.models[name]
            done: set[tuple[str, str]] = set()

            def fresh(what: str, wanted: Sequence[str | None]) -> list[str]:
                new = sorted({key for key in wanted if key} - {key for asset, key in done if asset == what})
                done.update((what, key) for key in new)
                return new

            for key in keys[-count:]:
                reads = read_by_model(workspace, name, key)
                for dataset, wanted in sorted(reads.datasets.items()):
                    if new := fresh(dataset, list(wanted)):
                        list(ingest(catalogue.datasets[dataset], new, store, workspace.source_context(dataset)))
                for view, wanted in sorted(reads.views.items()):
                    if new := fresh(view, list(wanted)):
                        list(compute_features(catalogue.views[view], catalogue, new, store))
                try:
                    rows = build_training_set(model, catalogue, key, store)
                except TrainingSetError as error:
                    print(f"{error} The round is left out.", file=sys.stderr)
                    continue
                yield Round(f"{folder}: {name}", key, model, rows, project / "definitions" / folder)

    return World(f"{folder}: {name}", "declared", rounds)


def declared_worlds(data: Path) -> tuple[World, ...]:
    """The shop, and the bank where ``data`` has its file."""
    weeks = [f"2025-{month:02}-{day:02}" for month in range(7, 13) for day in (1, 15)]
    shop = walked("shop", "churn", weeks)
    if not (data / BANK_FILE).is_file():
        return (shop,)
    os.environ["MLOPS_MIRROR"] = str(data.resolve())
    years = ((2008, range(9, 13)), (2009, range(1, 13)), (2010, range(1, 12)))
    months = [f"{year}-{month:02}-01" for year, numbers in years for month in numbers]
    return shop, walked("bank_marketing", "bank_marketing", months)
