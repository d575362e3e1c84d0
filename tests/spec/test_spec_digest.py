"""The digest of a definition changes with everything that it says, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_assets.errors import MlopsError
from mlops_assets.spec.digest import spec_digest
from mlops_assets.spec.gates import gate_names
from mlops_assets.spec.model import Model
from mlops_assets.spec.reading.loading import load_catalogue
from mlops_assets.spec.reads import uses

TEXT = """
type: mlops_assets.Dataset
attributes:
  name: orders
  source: {parquet: "{{ env.LAKE }}/orders.parquet"}
  prepare: .rows:clean
  partitions: {every: day, start: 2026-01-01}
  event_time: ordered_at
---
type: mlops_assets.FeatureView
attributes: {name: rfm, entity: id, from: orders, lookback: 8d, sql: "select id, count(*) as n from orders group by id"}
---
type: mlops_assets.FeatureView
attributes: {name: other, entity: id, from: orders, lookback: 9d, sql: "select id, count(*) as n from orders group by id"}
---
type: mlops_assets.Model
attributes:
  name: churn
  task: binary_classification
  entity: id
  features: [rfm.n]
  label: {horizon: 3d, sql: "select id, true as y from orders"}
  training: {window: 30d, holdout: 5d}
"""


def digest(folder: Path, text: str = TEXT, lake: str = "/dev", rows: str = "def clean(frame): return frame\n") -> str:
    home = folder / "definitions" / "shop"
    home.mkdir(parents=True, exist_ok=True)
    (home / "defs.yaml").write_text(text)
    (home / "rows.py").write_text(rows)
    catalogue, problems = load_catalogue(folder, {"LAKE": lake})
    assert problems == []
    return spec_digest("churn", catalogue)


def test_the_same_definition_has_the_same_digest_in_every_folder_and_environment(tmp_path: Path) -> None:
    assert digest(tmp_path / "a", lake="/dev") == digest(tmp_path / "b", lake="s3://prod")
    assert digest(tmp_path / "a") == digest(tmp_path / "a", TEXT.replace("{horizon: 3d, ", "{default: null, horizon: 3 days, "))


@pytest.mark.parametrize(
    ("old", "new"),
    [("holdout: 5d", "holdout: 6d"), ("lookback: 8d", "lookback: 7d"), ("orders.parquet", "o.parquet")],
)
def test_a_change_in_the_model_or_in_what_it_uses_changes_the_digest(tmp_path: Path, old: str, new: str) -> None:
    assert digest(tmp_path) != digest(tmp_path, TEXT.replace(old, new, 1))


def test_a_change_in_a_function_changes_the_digest(tmp_path: Path) -> None:
    assert digest(tmp_path) != digest(tmp_path, rows="def clean(frame): return frame.dropna()\n")


def test_a_change_in_what_the_model_does_not_use_leaves_it(tmp_path: Path) -> None:
    assert digest(tmp_path) == digest(tmp_path, TEXT.replace("lookback: 9d", "lookback: 7d", 1))


def test_an_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    digest(tmp_path)
    catalogue, _ = load_catalogue(tmp_path, {"LAKE": ""})
    assert uses("churn", catalogue) == ("orders", "rfm")
    with pytest.raises(MlopsError, match="Did you mean 'churn'"):
        spec_digest("chrun", catalogue)


def test_gates_have_distinct_valid_names() -> None:
    model = Model(
        name="m",
        task="binary_classification",
        examples={"from": "t", "target": "y"},
        gates=[
            {"metric": "roc_auc", "at_least": 0.5},
            {"metric": "roc_auc", "at_least": 0.6},
            {"metric": "f1", "at_least": 0.5, "name": "F-one, at last!"},
            {"metric": "f1", "at_least": 0.5, "name": "leakage"},
            {"gate": "calibration", "off": True, "reason": "scores are only ranked"},
        ],
    )
    named = dict(gate_names(model.gates))
    assert list(named)[:6] == ["beats_naive", "leakage", "champion", "calibration", "label_quality", "consistency"]
    assert list(named)[6:] == ["roc_auc", "roc_auc_2", "F_one_at_last", "leakage_2"]
    assert named["calibration"].off
