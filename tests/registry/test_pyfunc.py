"""Logged bundles score through MLflow as they score by themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlops_assets.modeling.bundle import Bundle
from mlops_assets.registry import Registry
from mlops_assets.registry.bundles import LoggedBundle, log_bundle


@pytest.fixture
def logged(registry: Registry, bundles: tuple[Bundle, Bundle]) -> LoggedBundle:
    return log_bundle(registry, bundles[0].folder, name="churn")


def load(registry: Registry, logged: LoggedBundle):
    import mlflow.pyfunc

    with registry.as_default():
        return mlflow.pyfunc.load_model(logged.uri)


def test_scores_are_those_of_the_bundle_bit_by_bit(registry, logged, bundles, frame_of):
    frame = frame_of(200)
    np.testing.assert_array_equal(load(registry, logged).predict(frame), bundles[0].predict(frame))


def test_whole_numbers_may_stand_for_numbers_and_numbers_with_gaps_for_whole_numbers(registry, logged, bundles, frame_of):
    frame = frame_of(5).assign(amount=[1, 2, 3, 4, 500], age=[20.0, None, 30.0, 40.0, 50.0])
    assert frame["amount"].dtype == "int64"
    np.testing.assert_array_equal(load(registry, logged).predict(frame), bundles[0].predict(frame))


def test_missing_optional_columns_count_as_missing_values(registry, logged, bundles, frame_of):
    frame = frame_of(6)
    missing = frame.assign(age=float("nan"), town=None, joined=pd.NaT)
    np.testing.assert_array_equal(
        load(registry, logged).predict(frame.drop(columns=["age", "town", "joined"])), bundles[0].predict(missing)
    )


def test_a_missing_required_column_is_refused_by_name(registry, logged, frame_of):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="vip"):
        load(registry, logged).predict(frame_of(3).drop(columns=["vip"]))


def test_further_columns_and_another_order_change_nothing(registry, logged, bundles, frame_of):
    frame = frame_of(6)
    shuffled = frame[list(reversed(frame.columns))].assign(customer_id=range(6), churned=True)
    np.testing.assert_array_equal(load(registry, logged).predict(shuffled), bundles[0].predict(frame))


def test_pandas_categories_moments_in_another_zone_and_no_rows_are_fine(registry, logged, bundles, frame_of):
    frame = frame_of(6)
    other = frame.assign(plan=frame["plan"].astype("category"), joined=frame["joined"].dt.tz_convert("Asia/Tokyo"))
    model = load(registry, logged)
    np.testing.assert_array_equal(model.predict(other), bundles[0].predict(frame))
    assert model.predict(frame.iloc[:0]).shape == (0,)


def test_a_column_of_the_wrong_type_is_refused_by_name(registry, logged, frame_of):
    with pytest.raises(Exception, match="amount"):
        load(registry, logged).predict(frame_of(3).assign(amount=["a", "b", "c"]))


def test_mlflows_own_scoring_server_gives_the_same_numbers_for_json(registry, logged, bundles, frame_of):
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    rows = bundles[0].json_rows(frame_of(4))
    rows[1]["age"] = None
    rows[2]["amount"] = 7
    answer = TestClient(init(load(registry, logged))).post("/invocations", json={"dataframe_records": rows})
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == bundles[0].predict_rows(rows).tolist()


def test_two_versions_in_one_process_give_their_own_numbers(registry, bundles, frame_of):
    frame = frame_of(50)
    models = [load(registry, log_bundle(registry, bundle.folder, name="churn")) for bundle in bundles]
    for model, bundle in zip(models, bundles, strict=True):
        np.testing.assert_array_equal(model.predict(frame), bundle.predict(frame))
    assert (models[0].predict(frame) != models[1].predict(frame)).any()


def test_a_clean_process_loads_by_alias_with_pickle_forbidden(registry, bundles, tmp_path, frame_of):
    version = registry.register("churn", bundles[0].digest, folder=bundles[0].folder)
    registry.set_alias("churn", "champion", version.version)
    frame = frame_of(20)
    frame.to_parquet(tmp_path / "rows.parquet")
    script = (
        "import sys, mlflow.pyfunc, numpy, pyarrow.parquet\n"
        "model = mlflow.pyfunc.load_model('models:/churn@champion')\n"
        "numpy.save(sys.argv[2], model.predict(pyarrow.parquet.ParquetFile(sys.argv[1]).read().to_pandas()))\n"
    )
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registry.tracking_uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "rows.parquet"), str(tmp_path / "scores.npy")],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "scores.npy"), bundles[0].predict(frame))


def test_the_declared_types_and_digest_stand_in_the_logged_model(registry, logged, bundles):
    metadata = load(registry, logged).metadata.metadata
    assert metadata["bundle"] == bundles[0].digest
    assert {feature["name"]: feature["type"] for feature in metadata["features"]}["joined"] == "datetime"
