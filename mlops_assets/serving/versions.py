"""From a version in the ledger to one that can score: evidence read again, every byte checked, paths compared."""

from __future__ import annotations

import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_assets.serving.errors import ServingError
from mlops_assets.serving.scoring import Scorer, make_scorer

if TYPE_CHECKING:
    from mlops_assets.data.store import Store
    from mlops_assets.ledger.state import DeploymentState, Version

BUNDLES = "bundles"


@dataclass(frozen=True)
class Served:
    """A version in memory.

    Attributes:
        model, number: which one; ``bundle`` its digest.
        scorer: how it scores.
        seconds: how long loading took.
    """

    model: str
    number: int
    bundle: str
    scorer: Scorer
    seconds: float


def load_version(deployment: DeploymentState, version: Version, store: Store, folder: Path) -> Served:
    """Load ``version`` into memory; its files lie below ``folder`` afterwards.

    Raises:
        ServingError: when its evidence does not let it serve, or the store has not its bundle.
        MlopsError: when a byte of it was altered, or it does not score as it should.
    """
    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.serving.examples import rows_to_compare

    started = time.perf_counter()
    refuse_without_evidence(deployment, version)
    digest = str(version.digests["bundle"])
    found = store.get_pointer(f"{BUNDLES}/{digest}")
    if found is None:
        raise ServingError(f"the store holds no bundle {digest[:12]} of {deployment.model} {version.number}.", where=store.url)
    place = Path(tempfile.mkdtemp(prefix=f"{deployment.model}-{version.number}-", dir=folder))
    try:
        store.get_tree(BUNDLES, found["tree"], place / "bundle")
        bundle = Bundle.load(place / "bundle", digest=digest)
        scorer = make_scorer(bundle, rows_to_compare(bundle, store))
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return Served(deployment.model, version.number, digest, scorer, time.perf_counter() - started)


def refuse_without_evidence(deployment: DeploymentState, version: Version) -> None:
    """Refuse a version without a verdict that lets it serve here, or that learned from a sample and stands outside dev.

    Raises:
        ServingError: with the reason.
    """
    from mlops_assets.ledger.rules.evidence import evidence

    if (refusal := evidence(deployment, version)) is not None:
        raise ServingError(refusal.why, do=refusal.do)
    if version.sample < 1 and deployment.environment != "dev":
        raise ServingError(f"{deployment.model} {version.number} learned from a sample of {version.sample:g}; it serves in dev alone.")
