"""Whether a model that was trained again is the model that it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.modeling.bundle import Bundle
    from mlops_assets.spec.model import Model


@dataclass(frozen=True)
class Agreement:
    """How two bundles compare.

    Attributes:
        status: pass, fail, or inconclusive where there was no row to compare on.
        by: what was compared: ``bundle`` (every byte), ``trees`` or ``predictions``.
        n: rows compared; 0 where digests decided.
        largest_difference: between two predictions of one row; None where digests decided.
        differs: what differs in what the bundles came from, such as a library's version.
    """

    status: Literal["pass", "fail", "inconclusive"]
    by: Literal["bundle", "trees", "predictions"]
    n: int
    largest_difference: float | None
    differs: tuple[str, ...]


def as_trained(model: Model, original: Bundle) -> Model:
    """The declaration by which to train ``original`` again.

    A bundle without a map is trained again without one, whatever is declared: bundles of versions that knew no calibration say no more.
    """
    if original.calibration is not None:
        return model
    return model.model_copy(update={"training": model.training.model_copy(update={"calibrate": "none"})})


def compare(original: Bundle, rebuilt: Bundle, frame: pd.DataFrame) -> Agreement:
    """Compare a rebuilt model with the original.

    LightGBM must have the same trees, encoder and calibration. Any other estimator must give exactly the same predictions on ``frame``,
    unless all bytes agree anyway.
    """
    import numpy as np

    differs = _differs(original, rebuilt)
    if original.digest == rebuilt.digest:
        return Agreement("pass", "bundle", 0, None, differs)
    if original.trees_digest is not None:
        same = (
            original.trees_digest == rebuilt.trees_digest
            and original.encoder.to_json() == rebuilt.encoder.to_json()
            and original.calibration == rebuilt.calibration
        )
        return Agreement("pass" if same else "fail", "trees", 0, None, differs)
    if len(frame) == 0:
        return Agreement("inconclusive", "predictions", 0, None, differs)
    one, two = original.predict(frame), rebuilt.predict(frame)
    if one.shape != two.shape or original.classes != rebuilt.classes:
        return Agreement("fail", "predictions", len(frame), None, differs)
    return Agreement("pass" if np.array_equal(one, two) else "fail", "predictions", len(frame), float(np.abs(one - two).max()), differs)


def _differs(original: Bundle, rebuilt: Bundle) -> tuple[str, ...]:
    one, two = original.provenance.to_json(), rebuilt.provenance.to_json()
    found = [key for key in sorted(one) if key not in ("data", "libraries") and one[key] != two[key]]
    for part in ("data", "libraries"):
        found += [f"{part}: {name}" for name in sorted({*one[part], *two[part]}) if one[part].get(name) != two[part].get(name)]
    return tuple(found)
