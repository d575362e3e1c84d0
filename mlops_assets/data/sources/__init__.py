"""Where rows come from: one module per kind of source.

Each has `read(dataset, window, context) -> pyarrow.Table`, which returns rows as the source gives them. They may reach
beyond the window; the caller cuts by event time once the columns have their types.
"""

from mlops_assets.data.sources.errors import SourceError
from mlops_assets.data.sources.reading import Progress, SourceContext, Window, fingerprint, has_history, read_source

__all__ = ["Progress", "SourceContext", "SourceError", "Window", "fingerprint", "has_history", "read_source"]
