"""Columns of data sets, feature views and models, as far as definitions (and headers of local files) say them."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_assets.spec.catalogue import Catalogue
from mlops_assets.spec.checking.findings import KnownColumns
from mlops_assets.spec.checking.sql import output
from mlops_assets.spec.dataset import Dataset
from mlops_assets.spec.delimited import Misread, Utf8Blocks, read_head
from mlops_assets.spec.feature_view import FeatureView
from mlops_assets.spec.model import Model
from mlops_assets.spec.reads import view_names
from mlops_assets.spec.sources import CsvFormat

UNKNOWN = KnownColumns((), False)
_UNPACK: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open}
_PACKED = (".zst", ".lz4", ".br")


def dataset_columns(dataset: Dataset, project: Path) -> KnownColumns:
    """Declared columns, and those that the source names; all of them only if nothing else can add one."""
    declared = tuple(dataset.columns)
    form = dataset.source.detail.delimited
    names = None if form is None else form.names or (_header(form, project) if form.header else None)
    if names is None:
        return KnownColumns(declared, False)
    return KnownColumns(tuple(dict.fromkeys((*names, *declared))), dataset.prepare is None)


def view_columns(view: FeatureView) -> KnownColumns:
    """Columns that the view's query returns, its entity included."""
    declared = tuple(view.columns)
    if view.sql is None:
        return KnownColumns((*view.entity, *declared), False)
    columns = output(view.sql)
    return KnownColumns(tuple(dict.fromkeys((*columns.names, *view.entity, *declared))), columns.complete)


def feature_columns(view: FeatureView) -> KnownColumns:
    """The view's columns without its entity."""
    columns = view_columns(view)
    return KnownColumns(tuple(name for name in columns.names if name not in view.entity), columns.complete)


def model_columns(model: Model, catalogue: Catalogue) -> KnownColumns:
    """Columns that slices, sensitive attributes and groups may name: those of the examples, or of views, population and entity."""
    if model.examples is not None:
        dataset = catalogue.datasets.get(model.examples.from_)
        return dataset_columns(dataset, catalogue.project) if dataset else UNKNOWN
    columns = KnownColumns(model.entity, True)
    for name in view_names(model):
        view = catalogue.views.get(name)
        columns |= view_columns(view) if view else UNKNOWN
    if model.population is not None:
        found = output(model.population)
        columns |= KnownColumns(found.names, found.complete)
    return columns


def _header(source: CsvFormat, project: Path) -> tuple[str, ...] | None:
    """Column names of a local file; None where there is none to read, or it must be read to say what is wrong with it."""
    path = getattr(source, "path", None)
    if path is None or "://" in path or "{" in path:
        return None
    file = project / path
    if any(mark in path for mark in "*?["):
        file = next(iter(sorted(project.glob(path))), file) if not Path(path).is_absolute() else file
    if file.suffix in _PACKED:
        return None
    try:
        with _UNPACK.get(file.suffix, _plain)(file) as stream:
            return read_head(Utf8Blocks(stream.read, source.encoding), source).names
    except (OSError, EOFError, zlib.error, Misread):
        return None


def _plain(file: Path) -> Any:
    return file.open("rb")
