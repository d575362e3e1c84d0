"""Where rows come from: one file per kind of source, by its name, whose ``SOURCE`` says how it is read and what it can do.

A new kind is one file here, beside its declaration in :mod:`mlops_assets.spec.sources`.
"""

from mlops_assets.data.sources.context import Progress, SourceContext, Window
from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.reading import (
    file_per_partition,
    fingerprint,
    has_history,
    in_order,
    of_files,
    read_pieces,
    reads_only_window,
    rereadable,
    source_files,
)

__all__ = [
    "Progress",
    "SourceContext",
    "SourceError",
    "Window",
    "file_per_partition",
    "fingerprint",
    "has_history",
    "in_order",
    "of_files",
    "read_pieces",
    "reads_only_window",
    "rereadable",
    "source_files",
]
