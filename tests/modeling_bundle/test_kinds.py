"""The kinds of estimators that the language lists are those that there are modules for, in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.modeling import estimators
from mlops_assets.modeling.estimators.build import kind_of
from mlops_assets.modeling.estimators.protocol import EstimatorKind
from mlops_assets.modeling.signature import ModelingError
from mlops_assets.spec.estimators import ESTIMATOR_KINDS, Estimator

PARTS = {"__init__", "blocks", "build", "lightgbm_parameters", "protocol", "skops_file"}
"""Modules of the folder that are no kinds."""


def test_a_kind_is_a_key_of_the_language_and_a_module() -> None:
    assert tuple(Estimator.model_fields) == ESTIMATOR_KINDS
    assert {file.stem for file in Path(estimators.__file__).parent.glob("*.py")} - PARTS == set(ESTIMATOR_KINDS)


@pytest.mark.parametrize("name", ESTIMATOR_KINDS)
def test_the_module_of_a_kind_offers_it(name: str) -> None:
    assert isinstance(kind_of(name), EstimatorKind)


@pytest.mark.parametrize("name", ["protocol", "..bundle", "lightgbm.x", ""])
def test_nothing_else_is_imported_because_a_bundle_names_it(name: str) -> None:
    with pytest.raises(ModelingError, match="lightgbm, sklearn, python"):
        kind_of(name)
