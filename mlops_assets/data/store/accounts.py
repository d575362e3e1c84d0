"""What became of the rows that a partition is made of: none is lost without a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_assets.data.store.errors import LostRowsError


@dataclass(frozen=True)
class Account:
    """How many rows of a source a partition is made of, and how many of these are left out, by cause."""

    read: int
    left_out: Mapping[str, int]

    def settle(self, asset: str, partition: str | None, stored: int, quarantined: int) -> dict[str, Any]:
        """What became of the rows.

        Raises:
            LostRowsError: when some are neither stored nor quarantined nor left out, or some were not read.
        """
        if self.read != stored + quarantined + sum(self.left_out.values()):
            left = "".join(f", {count} {cause}" for cause, count in sorted(self.left_out.items()))
            raise LostRowsError(
                f"{self.read} rows were read, but {stored} are stored and {quarantined} quarantined{left}.",
                where=asset if partition is None else f"{asset}@{partition}",
                do="This is a defect of mlops-assets or of the machine: keep the source as it is, and report it.",
            )
        return {"read": self.read, "stored": stored, "quarantined": quarantined, "left_out": dict(sorted(self.left_out.items()))}
