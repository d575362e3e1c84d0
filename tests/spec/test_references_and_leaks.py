"""What declarations say about each other. Each mistake stands beside a neighbour without it."""

from __future__ import annotations

import pytest

from mlops_assets.spec.problems import Problem

SHOP = """
type: mlops_assets.Dataset
attributes:
  name: orders
  source: {parquet: orders.parquet}
  partitions: {every: day, start: 2026-01-01}
  event_time: ordered_at
  primary_key: [order_id]
  columns:
    order_id: {type: int64}
    customer_id: {type: int64}
    ordered_at: {type: datetime}
    amount: {type: float64}
    handled_in: {type: float64, known: after}
    note: {type: string, pii: true}
---
type: mlops_assets.Dataset
attributes:
  name: countries
  source: {parquet: countries.parquet}
---
type: mlops_assets.FeatureView
attributes:
  name: rfm
  entity: customer_id
  from: [orders]
  lookback: 90d
  sql: |
    select customer_id, count(*) as frequency, sum(amount) as monetary
    from orders group by customer_id
---
type: mlops_assets.Model
attributes:
  name: churn
  task: binary_classification
  entity: customer_id
  features: [rfm.*]
  label:
    horizon: 30d
    sql: select customer_id, false as churned from orders group by customer_id
    default: true
  training:
    window: 180d
    holdout: 30d
"""

TABLE = """
type: mlops_assets.Dataset
attributes:
  name: contacts
  source: {csv: contacts.csv}
  partitions: {every: month, start: 2008-05-01}
  event_time: contacted_on
  columns:
    contacted_on: {type: date}
    age: {type: int64}
    email: {type: string, pii: true}
    duration: {type: int64, known: after}
    subscribed: {type: bool}
---
type: mlops_assets.Model
attributes:
  name: subscription
  task: binary_classification
  examples: {from: contacts, target: subscribed, label_delay: 1 month}
  training: {window: 12 months, holdout: 2 months}
"""


def changed(text: str, old: str, new: str) -> tuple[str, int]:
    """``text`` with ``old`` replaced by ``new``, and the line at which that begins."""
    assert old in text
    return text.replace(old, new, 1), text[: text.index(old)].count("\n") + (1 if old.startswith("\n") else 0)


def shown(problems: list[Problem]) -> list[tuple[int, str, str]]:
    return [(problem.line, problem.path, problem.severity) for problem in problems]


@pytest.mark.parametrize("text", [SHOP, TABLE])
def test_sound_definitions_have_no_problems(check, text: str) -> None:
    assert check(text) == []


@pytest.mark.parametrize("how", ["sigmoid", "isotonic"])
def test_scores_of_a_regression_are_not_mapped_to_probabilities(check, how: str) -> None:
    asked = SHOP.replace("holdout: 30d", f"holdout: 30d\n    calibrate: {how}")
    assert check(asked) == []
    problems = check(asked.replace("binary_classification", "regression"))
    assert [problem.path for problem in problems] == ["training.calibrate"]
    assert f"{how} maps scores to probabilities, and regression has none" in problems[0].sentence
    assert check(asked.replace("binary_classification", "regression").replace(f"calibrate: {how}", "calibrate: auto")) == []


@pytest.mark.parametrize(
    ("old", "new", "path", "suggestion", "says"),
    [
        ("features: [rfm.*]", "features: [rmf.*]", "features[0]", "rfm", "no feature view"),
        ("features: [rfm.*]", "features: [rfm.monetery]", "features[0]", "monetary", "has no column"),
        ("features: [rfm.*]", "features: [orders.amount]", "features[0]", None, "is a data set"),
        ("features: [rfm.*]", "features: [rfm]", "features[0]", None, "`view.*` or `view.column`"),
        ("from: [orders]", "from: [order]", "from[0]", "orders", "no data set"),
        ("from: [orders]", "from: [countries]", "sql", None, "which `from` does not name"),
        ("entity: customer_id\n  from", "entity: client_id\n  from", "sql", None, "entity column 'client_id'"),
        ("lookback: 90d", "lookback: 36h", "lookback", None, "whole number of days"),
        ("lookback: 90d", "lookback: 3 months", "lookback", None, "differ in length"),
        ("lookback: 90d", "lookback: 0d", "lookback", None, "too short"),
        ("window: 180d", "window: 100h", "training.window", None, "whole number of days"),
        ("window: 180d", "window: 40d", "training.window", None, "nothing to train on"),
        ("horizon: 30d", "horizon: 0d", "label.horizon", None, "too short"),
        ("event_time: ordered_at", "event_time: orderd_at", "event_time", "ordered_at", "declares no column"),
        ("primary_key: [order_id]", "primary_key: [ordr_id]", "primary_key[0]", "order_id", "declares no column"),
        ("select customer_id, false as churned", "select customer_id, 1 as n, 2 as m", "label.sql", None, "exactly one"),
        ("select customer_id, false as churned", "select false as churned", "label.sql", None, "entity column"),
        ("from orders group by customer_id\n    default", "from order_lines\n    default", "label.sql", "orders", "no data set"),
        ("sum(amount) as monetary", "random() as monetary", "sql", None, "another answer every time"),
        ("  training:\n", "  owner: commerce\n  training:\n", "owner", "team:commerce", "no owner"),
        ("  training:\n", "  score: {schedule: dayly}\n  training:\n", "score.schedule", "daily", "no schedule"),
        ("  training:\n", "  score: {schedule: 61 * * * *}\n  training:\n", "score.schedule", None, "no minute"),
        ("  training:\n", "  approvals: {prod: -1}\n  training:\n", "approvals.prod", None, "0 or more"),
        ("  training:\n", "  tags: {a b: c}\n  training:\n", "tags.a b", None, "no tag"),
        ("holdout: 30d", "holdout: 30d\n    weights: balancd", "training.weights", "balanced", "neither"),
        ("holdout: 30d", "holdout: 30d\n    tune: {metric: auc}", "training.tune.metric", "roc_auc", "no metric"),
        ("holdout: 30d", "holdout: 30d\n    tune: {metric: rmse}", "training.tune.metric", None, "metric of regression"),
        ("holdout: 30d", "holdout: 30d\n    group_by: [custmer_id]", "training.group_by[0]", "customer_id", "has no column"),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {n_estimators: 3, num_trees: 4}}",
            "training.estimator.lightgbm.num_trees",
            None,
            "given twice",
        ),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {num_threads: 3}}",
            "training.estimator.lightgbm.num_threads",
            None,
            "set by training itself",
        ),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {objective: quantiles}}",
            "training.estimator.lightgbm.objective",
            None,
            "does not fit",
        ),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {eta: 0.1, num_leaves: 7.5}}",
            "training.estimator.lightgbm.num_leaves",
            None,
            "found 7.5, which is not a whole number",
        ),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {learning_rate: fast}}",
            "training.estimator.lightgbm.learning_rate",
            None,
            "found 'fast', which is not a number",
        ),
        (
            "holdout: 30d",
            "holdout: 30d\n    estimator: {lightgbm: {is_unbalance: 1}}",
            "training.estimator.lightgbm.is_unbalance",
            None,
            "not true or false",
        ),
        ("holdout: 30d", "holdout: 30d\n    estimator: {python: .own:build}", "training.estimator.python", None, "own.py"),
        ("holdout: 30d", "holdout: 30d\n    estimator: {python: no_such_pkg.x:f}", "training.estimator.python", None, "no installed"),
        (
            "  training:\n",
            "  gates: [{metric: roc_auc, slice: regionn, at_least: 0.5}]\n  training:\n",
            "gates[0].slice",
            None,
            "no column",
        ),
        ("  training:\n", "  partitions: {every: hour, start: 2026-01-01}\n  training:\n", "partitions", None, "not finer"),
    ],
)
def test_one_change_is_one_kind_of_problem(check, old: str, new: str, path: str, suggestion: str | None, says: str) -> None:
    text, first = changed(SHOP, old, new)
    problems = check(text)
    mine = [problem for problem in problems if problem.path == path]
    assert mine, shown(problems)
    assert says in mine[0].sentence
    assert mine[0].suggestion == suggestion
    assert path == "sql" or first <= mine[0].line <= first + new.count("\n") + 1
    assert path != "sql" or text.splitlines()[mine[0].line].strip() == "sql: |"


def test_the_target_among_the_features_is_a_leak(check) -> None:
    text, _ = changed(SHOP, "sum(amount) as monetary", "max(amount) > 3 as churned")
    (problem,) = check(text)
    assert problem.path == "features[0]"
    assert "the target among the features" in problem.found


def test_a_column_known_after_the_fact_in_a_feature_query_is_a_leak(check) -> None:
    text, _ = changed(SHOP, "sum(amount) as monetary", "avg(handled_in) as monetary")
    (problem,) = check(text)
    assert (problem.path, problem.severity) == ("sql", "error")
    assert "known: after" in problem.found


def test_a_column_known_after_the_fact_may_be_excluded_or_stand_in_a_comment(check) -> None:
    text, _ = changed(SHOP, "sum(amount) as monetary", "sum(amount) as monetary -- not handled_in\n")
    assert check(text) == []


def test_a_population_that_knows_the_future_is_a_leak(check) -> None:
    green, _ = changed(SHOP, "  features:", "  population: select distinct customer_id from orders where amount > 3\n  features:")
    red, _ = changed(SHOP, "  features:", "  population: select distinct customer_id from orders where handled_in > 3\n  features:")
    assert check(green) == []
    assert [problem.path for problem in check(red)] == ["population"]


def test_a_label_may_know_what_came_after(check) -> None:
    text, _ = changed(SHOP, "select customer_id, false as churned", "select customer_id, max(handled_in) > 3 as churned")
    assert check(text) == []


def test_a_table_without_history_in_a_dated_model_is_a_warning(check) -> None:
    text, _ = changed(SHOP, "from: [orders]", "from: [orders, countries]")
    text = text.replace("from orders group", "from orders join countries using (country) group")
    problems = check(text)
    assert [(p.path, p.severity) for p in problems] == [("features[0]", "warning")]
    assert "without history" in problems[0].found


@pytest.mark.parametrize(
    ("included", "says"),
    [("duration", "known: after"), ("subscribed", "is the target"), ("email", "personal data"), ("agee", "declares no column")],
)
def test_asking_for_a_column_that_must_not_be_a_feature_is_refused_with_its_line(check, included: str, says: str) -> None:
    green = TABLE.replace("label_delay: 1 month}", "label_delay: 1 month, include: [age]}")
    red = TABLE.replace("label_delay: 1 month}", f"label_delay: 1 month,\n    include: [age,\n      {included}]}}")
    assert check(green) == []
    (problem,) = check(red)
    assert problem.path == "examples.include[1]"
    assert red.splitlines()[problem.line].strip().startswith(included)
    assert says in problem.found


def test_a_misspelt_exclusion_is_an_error_since_the_column_would_stay(check) -> None:
    (problem,) = check(TABLE.replace("label_delay: 1 month}", "label_delay: 1 month, exclude: [duratoin]}"))
    assert (problem.suggestion, problem.severity) == ("duration", "error")


def test_dated_examples_say_when_their_target_is_known(check) -> None:
    (problem,) = check(TABLE.replace(", label_delay: 1 month", ""))
    assert problem.path == "examples"
    assert "label_delay" in (problem.do or "")
    assert check(TABLE.replace("label_delay: 1 month", "label_delay: 0d")) == []


def test_a_random_split_of_dated_rows_is_a_leak(check) -> None:
    (problem,) = check(TABLE.replace("holdout: 2 months", "holdout: 20%"))
    assert problem.path == "training.holdout"
    (problem,) = check(TABLE.replace(", holdout: 2 months", ""))
    assert problem.path == "training"


def test_undated_rows_are_split_by_a_share(check) -> None:
    undated = TABLE.replace("  partitions: {every: month, start: 2008-05-01}\n", "").replace(", label_delay: 1 month", "")
    green = undated.replace("{window: 12 months, holdout: 2 months}", "{holdout: 20%}")
    assert check(green) == []
    (problem,) = check(undated)
    assert problem.path == "training.holdout"
    assert "needs dated rows" in problem.found


def test_two_views_with_one_feature_name_collide(check) -> None:
    other = SHOP.replace("name: rfm", "name: rfm_long").split("---")[2]
    collision = SHOP.replace("features: [rfm.*]", "features: [rfm.*, rfm_long.monetary]") + "---" + other
    assert [(p.path, "both have" in p.found) for p in check(collision)] == [("features[1]", True)]


def test_time_zones_do_not_mix(check) -> None:
    text = SHOP.replace(
        "source: {parquet: countries.parquet}",
        "source: {parquet: c}\n  event_time: t\n  partitions: {every: day, start: 2026-01-01, timezone: Europe/Berlin}",
    )
    text = text.replace("from: [orders]", "from: [orders, countries]").replace("from orders group", "from orders, countries group")
    assert any("time zones" in problem.found for problem in check(text))


def test_a_broken_data_set_does_not_make_its_model_look_broken(check) -> None:
    text, _ = changed(SHOP, "every: day", "every: dya")
    assert [problem.path for problem in check(text)] == ["partitions.every"]


def test_a_bound_on_the_wrong_side_is_a_warning(check) -> None:
    gates = "  gates:\n    - {metric: log_loss, at_least: 0.3}\n    - {metric: roc_auc, at_least: 0.3}\n  training:\n"
    (problem,) = check(SHOP.replace("  training:\n", gates))
    assert (problem.path, problem.suggestion, problem.severity) == ("gates[0].at_least", "at_most", "warning")


def test_functions_are_looked_up_without_importing_them(check) -> None:
    text = SHOP.replace("holdout: 30d", "holdout: 30d\n    estimator: {python: .own:biuld}")
    (problem,) = check(text, own_py="raise RuntimeError\ndef build(): ...\n")
    assert problem.suggestion == ".own:build"
    assert check(text.replace("biuld", "build"), own_py="raise RuntimeError\ndef build(): ...\n") == []


def test_the_header_of_a_local_file_is_known(check, tmp_path) -> None:
    (tmp_path / "contacts.csv").write_text("contacted_on,age,email,duration,subscribed,region\n")
    gates = TABLE.rstrip() + "\n  gates: [{metric: roc_auc, slice: REGION, at_least: 0.5}]\n"
    (problem,) = check(gates)
    assert problem.path == "gates[0].slice"
    assert "region" in problem.valid
    assert check(gates.replace("REGION", "region")) == []
