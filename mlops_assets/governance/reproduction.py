"""Build a model again from recorded data versions, definition and seed, and say whether it is the same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mlops_assets.data.store import Store
from mlops_assets.errors import MlopsError
from mlops_assets.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

    from mlops_assets.data.erasure import Tombstone
    from mlops_assets.data.store import Manifest
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.modeling.rebuild import Agreement
    from mlops_assets.spec.catalogue import Catalogue

Status = Literal["pass", "fail", "inconclusive", "erased"]


@dataclass(frozen=True)
class Reproduction:
    """What rebuilding came to.

    Attributes:
        status: pass (the same model), fail (another one), inconclusive (it could not be tried under the same conditions), or
            erased (data that it learned from was erased).
        detail: why, in a sentence.
        rows: rows of the training set that was built again; None where it was not.
        agreement: how the two bundles compare; None where nothing was trained.
        differs: what is not as it was then: library versions, code, functions.
        erased: tombstones of what it learned from.
    """

    status: Status
    detail: str
    rows: int | None = None
    agreement: Agreement | None = None
    differs: tuple[str, ...] = ()
    erased: tuple[Tombstone, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return asdict(self) | {"differs": list(self.differs), "erased": [asdict(one) for one in self.erased]}


class RecordedStore(Store):
    """A store as it was for one reader: current versions are those that ``inputs`` names; what is written goes to ``scratch``."""

    def __init__(self, store: Store, inputs: Mapping[str, str], scratch: Store) -> None:
        super().__init__(store.files)
        self._inputs, self._scratch = inputs, scratch

    def window(self, asset: str, keys: Sequence[str | None]) -> dict[str | None, Manifest]:
        """The recorded versions of ``keys``; keys that were not read then are absent."""
        names = {key: asset if key is None else f"{asset}@{key}" for key in keys}
        return {key: self.resolve(name, self._inputs[name]) for key, name in names.items() if name in self._inputs}

    def write(self, asset: str, partition: str | None, table: pa.Table | pa.RecordBatchReader, **about: Any) -> Manifest:
        """Store beside, and leave the store as it is."""
        return self._scratch.write(asset, partition, table, **about)


def reproduce(
    bundle: Bundle, store: Store, catalogue: Catalogue, folder: Path, *, changed: Sequence[str] = (), memory_limit: str | None = None
) -> Reproduction:
    """Build the training set of ``bundle`` again from the versions that it recorded, train on it, and compare.

    Args:
        bundle: the model, whose provenance says what it came from.
        store: holds the recorded versions; it is only read.
        catalogue: the definition as it was.
        folder: an empty folder for what is built.
        changed: what of the definition could not be brought back, such as the source of a function.
        memory_limit: DuckDB's memory.
    """
    from mlops_assets.data.erasure import erased
    from mlops_assets.data.store import open_store
    from mlops_assets.data.training_sets.training_set import build_training_set
    from mlops_assets.modeling.rebuild import as_trained, compare
    from mlops_assets.modeling.training import train

    came_from = bundle.provenance
    name, key = came_from.model, came_from.as_of
    try:
        recorded = store.manifest(f"{name}/training_set", key, came_from.training_set)
    except MlopsError as error:
        return Reproduction("inconclusive", f"the training set is not in this store: {error}", differs=tuple(changed))
    if tombstones := erased(store, recorded):
        first = tombstones[0]
        gone = f"{first.reference} was erased at {first.erased_at}: {first.reason}"
        return Reproduction("erased", f"data that it learned from is gone: {gone}", erased=tuple(tombstones))
    scratch = open_store(str(folder / "store"))
    try:
        pinned = RecordedStore(store, recorded.inputs, scratch)
        built = build_training_set(
            catalogue.models[name], catalogue, key, pinned, sample=came_from.sample, memory_limit=memory_limit, folder=str(folder)
        )
        provenance = replace(came_from, code_version=__version__, libraries={})
        trained = train(
            as_trained(catalogue.models[name], bundle), built, folder / "bundle", provenance, definitions=catalogue.folder(name)
        )
    except MlopsError as error:
        status: Status = "inconclusive" if changed else "fail"
        return Reproduction(status, f"it cannot be built again: {error}", differs=tuple(changed))
    rows = built.manifest.rows
    agreement = compare(bundle, trained.bundle, built.split("holdout").to_pandas())
    writers = [f"writer: {part}" for part, then in recorded.writer.items() if built.manifest.writer.get(part) != then]
    differs = (*changed, *(part for part in agreement.differs if part != "training_set"), *writers)
    if built.manifest.content != recorded.content:
        why = "the recorded data versions give another training set"
    elif agreement.status == "pass":
        said = {"bundle": "the same bundle, byte for byte", "trees": "the same trees", "predictions": f"the same {agreement.n} predictions"}
        return Reproduction("pass", f"{said[agreement.by]}, from {rows} rows", rows, agreement, differs)
    else:
        apart = f", up to {agreement.largest_difference:.3g} apart" if agreement.largest_difference else ""
        why = f"other {agreement.by}{apart}, from the same {rows} rows"
    if differs or agreement.status == "inconclusive":
        return Reproduction("inconclusive", f"{why}; not as it was then: {', '.join(differs) or 'no row'}", rows, agreement, differs)
    return Reproduction("fail", why, rows, agreement, differs)


def recorded_definition(body: Mapping[str, Any], now: Catalogue) -> tuple[Catalogue, list[str]]:
    """The catalogue that a kept definition describes, and what of it is not what it was: functions' sources, above all.

    Functions are looked for where the project's present definitions ``now`` stand. A kept definition has its defaults filled in, which
    are taken out again, since what was not declared follows the calendar.
    """
    from mlops_assets.functions import source_digest
    from mlops_assets.spec.catalogue import Catalogue
    from mlops_assets.spec.dataset import AS_RECORDED, Dataset
    from mlops_assets.spec.decides import without_later_defaults
    from mlops_assets.spec.feature_view import FeatureView
    from mlops_assets.spec.model import Model

    kinds: dict[str, type[Dataset] | type[FeatureView] | type[Model]] = {"Dataset": Dataset, "FeatureView": FeatureView, "Model": Model}
    declared = []
    for part in body.values():
        kind = kinds[part["kind"]]
        whole = kind.model_validate(part["declaration"], context=AS_RECORDED)
        plain = whole.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        declared.append(kind.model_validate(plain, context=AS_RECORDED))
    then = Catalogue.of(*declared, project=now.project)
    origins = {name: now.origins.get(name, origin) for name, origin in then.origins.items()}
    changed = [f"definition of {one.name}" for one in declared if without_later_defaults(one) != body[one.name]["declaration"]]
    for name, part in body.items():
        for reference, digest in part["functions"].items():
            try:
                found = source_digest(reference, origins[name].folder)
            except MlopsError:
                found = None
            if found != digest:
                changed.append(f"function {reference} of {name}")
    return replace(then, origins=origins), changed
