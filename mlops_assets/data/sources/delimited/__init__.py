"""Delimited files as pieces of text: whole rows are cut out of the stream, parsed side by side, and located where they are wrong."""

from mlops_assets.data.sources.delimited.pieces import file_pieces

__all__ = ["file_pieces"]
