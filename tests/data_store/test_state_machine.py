"""Any order of writes, rewrites, collections and erasures keeps what must be kept."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mlops_assets.data.erasure import erase
from mlops_assets.data.store import ErasedError, Manifest, collect, open_store, verify

KEYS = st.sampled_from([None, "2026-01-01", "2026-01-02-13:00"])
ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=6)


class StoreMachine(RuleBasedStateMachine):
    """A model of the store: what each version held, which is current, and which were erased."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = open_store(str(Path(self.folder.name) / "store"))
        self.rows: dict[str, list[tuple[int, int]]] = {}
        self.manifests: dict[str, Manifest] = {}
        self.current: dict[str | None, str] = {}
        self.erased: set[str] = set()
        self.forgotten: list[tuple[str | None, list[tuple[int, int]]]] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    def table(self, rows: list[tuple[int, int]]) -> pa.Table:
        return pa.table({"who": pa.array([who for who, _ in rows], pa.int64()), "what": pa.array([what for _, what in rows], pa.int64())})

    def note(self, manifest: Manifest, rows: list[tuple[int, int]]) -> None:
        self.rows[manifest.digest] = rows
        self.manifests[manifest.digest] = manifest
        self.current[manifest.partition] = manifest.digest
        self.erased.discard(manifest.digest)

    @rule(key=KEYS, rows=ROWS)
    def write(self, key: str | None, rows: list[tuple[int, int]]) -> None:
        try:
            manifest = self.store.write("t", key, self.table(rows))
        except ErasedError:
            assert (key, rows) in self.forgotten
            return
        self.note(manifest, rows)

    @rule(key=KEYS)
    def write_again(self, key: str | None) -> None:
        if key in self.current:
            before = len(self.store.versions("t", key))
            manifest = self.manifests[self.current[key]]
            assert self.store.write("t", key, self.table(self.rows[manifest.digest]), facts=manifest.facts) == manifest
            assert len(self.store.versions("t", key)) == before

    @rule()
    def collect(self) -> None:
        collect(self.store, older_than=timedelta(seconds=-1))
        kept = set(self.current.values())
        self.rows = {digest: rows for digest, rows in self.rows.items() if digest in kept}
        self.manifests = {digest: manifest for digest, manifest in self.manifests.items() if digest in kept}
        self.erased &= kept

    @rule(who=st.integers(1, 4))
    def erase(self, who: int) -> None:
        if not self.current:
            return
        affected = {digest for digest, rows in self.rows.items() if any(row[0] == who for row in rows)}
        for erasure in erase(self.store, {"who": who}, "asked to be forgotten"):
            assert set(erasure.removed) <= affected | self.erased
            if erasure.current != self.current[erasure.partition]:
                manifest = self.store.current("t", erasure.partition)
                assert manifest is not None
                rest = [row for row in self.rows[self.current[erasure.partition]] if row[0] != who]
                self.note(manifest, rest)
        self.erased |= affected
        self.forgotten += [(self.manifests[digest].partition, self.rows[digest]) for digest in affected]

    @rule(index=st.integers(0, 9))
    def write_what_was_erased(self, index: int) -> None:
        if self.forgotten:
            key, rows = self.forgotten[index % len(self.forgotten)]
            self.write(key, rows)

    @invariant()
    def the_store_is_sound(self) -> None:
        assert verify(self.store) == []

    @invariant()
    def every_version_reads_as_it_was_written_or_says_that_it_was_erased(self) -> None:
        for digest, rows in self.rows.items():
            try:
                table = self.store.read(self.manifests[digest])
            except ErasedError:
                assert digest in self.erased
                continue
            assert list(zip(*table.to_pydict().values(), strict=True)) == rows

    @invariant()
    def the_last_write_is_current_and_never_erased(self) -> None:
        for key, digest in self.current.items():
            found = self.store.current("t", key)
            assert found is not None
            assert found.digest == digest
            assert digest not in self.erased


StoreMachine.TestCase.settings = settings(max_examples=15, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
TestStore = StoreMachine.TestCase
