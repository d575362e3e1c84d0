"""From a source to stored partitions: a range is read once, checked once, and split."""

from mlops_assets.data.ingest.errors import IngestError
from mlops_assets.data.ingest.pinning import pin_name, pinned_types, stored_types
from mlops_assets.data.ingest.storing import Ingested, ingest

__all__ = ["IngestError", "Ingested", "ingest", "pin_name", "pinned_types", "stored_types"]
