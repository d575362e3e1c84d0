"""A plan says the share that is declared, dated or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.plan import compile_plan
from mlops_assets.plan.explain import explain
from mlops_assets.spec import Dataset, Model
from mlops_assets.spec.catalogue import Catalogue


@pytest.mark.parametrize(("declared", "said"), [("30%", "30%"), (0.125, "12.5%"), (None, "20%")])
def test_an_undated_plan_says_the_declared_share(tmp_path: Path, declared: object, said: str) -> None:
    training = {} if declared is None else {"holdout": declared}
    catalogue = Catalogue.of(
        Dataset(name="flowers", source={"sklearn": "iris"}),
        Model(name="species", task="multiclass_classification", examples={"from": "flowers", "target": "target"}, training=training),
        project=tmp_path,
    )
    assert f"undated: {said} of the rows are the holdout, drawn with the seed" in explain(compile_plan(catalogue), catalogue, "species")
