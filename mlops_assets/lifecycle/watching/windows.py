"""Predictions or outcomes of one version over the window that monitoring looks back over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_assets.lifecycle.champions import NoChampion, reference_of
from mlops_assets.lifecycle.watching.tables import current, inputs_of, read_together, window_keys

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.store import Manifest
    from mlops_assets.ledger.state import Version
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.monitoring.reference import Reference


@dataclass(frozen=True)
class VersionWindow:
    """Rows of ``version`` in the window of ``key``, beside its reference, and what was read."""

    version: Version
    reference: Reference
    table: pa.Table
    manifests: Sequence[Manifest]

    @property
    def inputs(self) -> dict[str, str]:
        """Manifest reference to digest."""
        return inputs_of(self.manifests)


def version_window(workspace: Workspace, name: str, stage: str, key: str | None, *, back: int = 0, alone: bool = False) -> VersionWindow:
    """Rows of ``stage`` (predictions or outcomes) by the version that was champion newest in the window.

    Args:
        workspace, name: the model.
        stage: predictions or outcomes.
        key: partition that is monitored.
        back: periods between ``key`` and the newest partition that is read.
        alone: only that newest partition, not the whole window.

    Raises:
        NoChampion: no version was champion yet.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from mlops_assets.monitoring.columns import VERSION

    keys = window_keys(workspace, name, key, back=back)
    manifests = current(workspace, f"{name}/{stage}", keys[-1:] if alone else keys)
    version = _version(workspace, name, key, manifests)
    table = read_together(workspace, manifests)
    if table is None or VERSION not in table.column_names:
        table = pa.table({VERSION: pa.array([], pa.int64())})
    mine = pc.equal(table.column(VERSION), pa.scalar(version.number, pa.int64()))
    if mine.null_count or pc.all(mine).as_py() is False:
        table = table.filter(mine)
    return VersionWindow(version, reference_of(workspace, name, version), table, manifests)


def _version(workspace: Workspace, name: str, key: str | None, manifests: Sequence[Manifest]) -> Version:
    """The version that became champion last among those that made predictions; without predictions the champion of that time."""
    from mlops_assets.lifecycle.champions import champion_for

    state = workspace.ledger.state(name)
    reigned = [interval.version for interval in state.intervals]
    made = {int(number) for manifest in manifests for number in manifest.facts.get("versions", {})}
    for number in reversed(reigned):
        if number in made:
            return state.versions[number]
    if not reigned:
        raise NoChampion(f"{name} has no champion in {state.environment}, so there is nothing to watch.", do=f"`mlops promote {name}`.")
    return champion_for(workspace, name, key)
