"""The data sets that come with scikit-learn; nothing is downloaded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mlops_assets.data.sources.frames import from_frame
from mlops_assets.data.sources.kind import SourceKind
from mlops_assets.data.sources.pieces import Pieces, cut

if TYPE_CHECKING:
    from mlops_assets.data.sources.context import SourceContext, Window
    from mlops_assets.spec.dataset import Dataset
    from mlops_assets.spec.sources import SklearnSource


def read(source: SklearnSource, dataset: Dataset, window: Window | None, context: SourceContext) -> Pieces:
    """All rows; column names in lower case with underscores, the label in ``target`` (a name where there are names)."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source.dataset}")(as_frame=True)
    frame = bunch.frame.rename(columns=lambda name: re.sub(r"\W+", "_", str(name).replace("(cm)", "cm")).strip("_").lower())
    if source.dataset not in ("diabetes", "digits"):
        frame["target"] = [str(bunch.target_names[label]) for label in frame["target"]]
    return cut(from_frame(frame))


SOURCE = SourceKind(read)
