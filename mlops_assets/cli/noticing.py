"""What `mlops run` notices of the sources that its model reads: corrected files, and tables that have changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlops_assets.cli.refresh import read_again

if TYPE_CHECKING:
    from mlops_assets.data.store import Manifest
    from mlops_assets.lifecycle.workspace import Workspace
    from mlops_assets.running.runner import Runner


class Sources:
    """The sources of one run.

    Attributes:
        found: what is different in the sources of dated files, a data set an entry, as plain data; only where there is something to say.
        refreshed: what was read again before the run because it was asked for.
    """

    def __init__(self, refresh: bool = False) -> None:
        self.found: list[dict[str, Any]] = []
        self.refreshed: list[dict[str, Any]] = []
        self._refresh = refresh
        self._tables: dict[str, Manifest] = {}

    def look(self, workspace: Workspace, runner: Runner, name: str, key: str | None, say: Callable[[str], None]) -> None:
        """Compare what model ``name`` reads at ``key`` with its sources, and read it again where that is asked for.

        Raises:
            StepFailed: when rows that are read again break the rules.
        """
        from mlops_assets.lifecycle.corrected import look_at_source
        from mlops_assets.lifecycle.needs import read_by_model

        for dataset, keys in sorted(read_by_model(workspace, name, key).datasets.items()):
            if None in keys:
                if (before := workspace.store.current(dataset)) is not None:
                    self._tables[dataset] = before
                continue
            found = look_at_source(workspace, dataset, keys)
            if found is not None and found.text is not None:
                self.found.append(found.to_json())
                if not self._refresh:
                    say(found.text)
            if self._refresh:
                self._read_again(workspace, runner, dataset, keys if found is None else found.keys, say)

    def _read_again(
        self, workspace: Workspace, runner: Runner, dataset: str, keys: Sequence[str | None] | set[str | None], say: Callable[[str], None]
    ) -> None:
        from mlops_assets.lifecycle.refreshing import among
        from mlops_assets.running.runner import StepFailed

        chosen = among(workspace, dataset, keys)
        for unread, why in chosen.unreadable.items():
            say(f"{dataset}: {unread} cannot be read again: {why}; its version stays")
        if not chosen.keys:
            return
        done = len(runner.steps)
        document = read_again(workspace, runner, dataset, chosen.keys)
        self.refreshed.append(document)
        say(f"{dataset}: {document['read']:,} partitions read again, {document['changed']:,} changed")
        if failed := [step for step in runner.steps[done:] if not step.success]:
            raise StepFailed(failed[0])

    def tables(self, workspace: Workspace, say: Callable[[str], None]) -> None:
        """Say which tables without partitions, which every run reads again, have changed since the run before."""
        from mlops_assets.data.ingest.changes import describe

        for dataset, before in self._tables.items():
            now = workspace.store.current(dataset)
            if now is not None and now.digest != before.digest:
                said = f"{dataset} is not what it was when it was read before: {describe(now.note) or 'other columns or rules'}"
                say(said)
                note = dict(now.note or {})
                self.found.append({"dataset": dataset, "read_again": True, "before": before.digest, "note": note, "text": said})
