"""The bundle on disk: one digest for every byte, and no code that runs while it is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.bundle import BUNDLE_FILE, Bundle, BundleError
from mlops_assets.modeling.training import Trained

LINEAR = {"sklearn": ["sklearn.preprocessing.StandardScaler", "sklearn.linear_model.LogisticRegression"]}
NO_PICKLE = """
import pickle, sys
from pathlib import Path
def refuse(*arguments, **named):
    raise AssertionError("pickle was used")
import joblib, skops.io, lightgbm, sklearn.pipeline, pandas
pickle.load = pickle.loads = pickle.Unpickler = joblib.load = refuse
from mlops_assets.modeling.bundle import Bundle
for folder in sys.argv[1:]:
    print(Bundle.load(Path(folder)).predict_rows([{"age": 40, "income": None}])[0])
"""
SIMPLE = {"age": "int64", "income": "float64"}


def test_a_saved_bundle_is_the_same_bundle(people: pd.DataFrame, learn: Callable[..., Trained], tmp_path: Path) -> None:
    bundle = learn(people).bundle

    bundle.save(tmp_path / "copy")
    again = Bundle.load(tmp_path / "copy", digest=bundle.digest)

    assert (again.digest, again.trees_digest, again.provenance) == (bundle.digest, bundle.trees_digest, bundle.provenance)
    assert again.signature == bundle.signature
    assert np.array_equal(again.predict(people), bundle.predict(people))


@pytest.mark.parametrize("estimator", [{"lightgbm": {}}, LINEAR], ids=["lightgbm", "sklearn"])
def test_any_changed_byte_is_found_and_its_file_named(estimator: Any, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    folder = learn(people, estimator=estimator).bundle.folder
    random = np.random.default_rng(3)

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes()
        for position in [0, len(content) - 1, *random.integers(0, len(content), 5)]:
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(changed)
            with pytest.raises(BundleError, match=path.name):
                Bundle.load(folder)
        path.write_bytes(content)
    Bundle.load(folder)


def test_a_file_that_is_missing_or_added_is_named(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    folder = learn(people).bundle.folder

    (folder / "extra.py").write_text("print('hello')")
    with pytest.raises(BundleError, match=r"extra\.py does not belong"):
        Bundle.load(folder)
    (folder / "extra.py").unlink()
    (folder / "model.txt").unlink()
    with pytest.raises(BundleError, match=r"model\.txt is missing"):
        Bundle.load(folder)


def test_a_description_that_was_written_anew_with_spaces_is_altered(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    path = learn(people).bundle.folder / BUNDLE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))

    with pytest.raises(BundleError, match="altered"):
        Bundle.load(path.parent)


def test_another_whole_bundle_in_its_place_is_refused_by_digest(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    first, second = learn(people).bundle, learn(people, seed=8, estimator={"lightgbm": {"bagging_fraction": 0.5, "bagging_freq": 1}}).bundle

    with pytest.raises(BundleError, match="Fetch the version that was judged"):
        Bundle.load(second.folder, digest=first.digest)


def test_a_folder_without_a_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle"):
        Bundle.load(tmp_path)


def test_nothing_is_written_over_what_is_there(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people).bundle

    with pytest.raises(BundleError, match="not empty"):
        bundle.save(bundle.folder)


def test_a_clean_process_loads_it_without_any_pickle(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundles = [learn(people, estimator=estimator, types=SIMPLE).bundle for estimator in ({"lightgbm": {}}, LINEAR)]
    folders = [str(bundle.folder) for bundle in bundles]

    run = subprocess.run([sys.executable, "-c", NO_PICKLE, *folders], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr
    assert [float(line) for line in run.stdout.split()] == [b.predict_rows([{"age": 40, "income": None}])[0] for b in bundles]


@pytest.mark.parametrize(
    "estimator",
    [{"lightgbm": {}}, LINEAR, {"sklearn": {"name": "sklearn.linear_model.SGDClassifier", "params": {"loss": "log_loss"}}}],
    ids=["lightgbm", "logistic", "sgd"],
)
def test_the_same_rows_spec_and_seed_give_the_same_bytes(estimator: Any, people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    assert learn(people, estimator=estimator).bundle.digest == learn(people, estimator=estimator).bundle.digest


def test_trees_and_digest_do_not_depend_on_the_number_of_threads(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    estimator = {"lightgbm": {"bagging_fraction": 0.7, "bagging_freq": 1, "feature_fraction": 0.7}}
    one, two = (learn(people, estimator=estimator, threads=threads).bundle for threads in (1, 2))

    assert one.trees_digest is not None
    assert (one.trees_digest, one.digest) == (two.trees_digest, two.digest)


def test_another_row_gives_other_trees(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    first = learn(people).bundle.trees_digest
    people.loc[0, "__target"] = not people.loc[0, "__target"]

    assert learn(people).bundle.trees_digest != first


def test_it_says_what_it_was_made_with(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    bundle = learn(people).bundle

    assert bundle.rows == 450
    assert bundle.provenance.data == {"t": "d" * 64}
    assert {"lightgbm", "scikit-learn"} <= set(bundle.provenance.libraries)
    assert bundle.params["num_leaves"] == 31
    assert bundle.params["min_data_in_leaf"] == 20


def test_importance_adds_up_to_features(people: pd.DataFrame, learn: Callable[..., Trained]) -> None:
    for estimator in ({"lightgbm": {}}, LINEAR):
        importance = dict(learn(people, estimator=estimator).importance)
        assert set(importance) == {"age", "income", "job", "member", "seen", "born", "city"}
        assert max(importance, key=lambda name: importance[name]) == "age"
