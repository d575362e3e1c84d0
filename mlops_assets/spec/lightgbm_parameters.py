"""Which LightGBM parameters a definition may set, under which spellings; known without importing it.

Reference: LightGBM 4.7, https://lightgbm.readthedocs.io/en/stable/Parameters.html. Those that read files, move work elsewhere
or break determinism are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from mlops_assets.errors import misspelling, nearest
from mlops_assets.spec.parameters import ParameterMistake

OBJECTIVES: dict[str, tuple[str, ...]] = {
    "binary_classification": ("binary",),
    "multiclass_classification": ("multiclass", "multiclassova"),
    "regression": ("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"),
}
"""Objectives by task; the first is the default."""

ALIASES: dict[str, tuple[str, ...]] = {
    "objective": ("application", "app", "loss"),
    "boosting": ("boosting_type", "boost"),
    "num_boost_round": (
        "num_iterations",
        "num_iteration",
        "n_iter",
        "num_tree",
        "num_trees",
        "num_round",
        "num_rounds",
        "nrounds",
        "n_estimators",
        "max_iter",
    ),
    "early_stopping_rounds": ("early_stopping_round", "early_stopping", "n_iter_no_change"),
    "early_stopping_min_delta": (),
    "learning_rate": ("shrinkage_rate", "eta"),
    "num_leaves": ("num_leaf", "max_leaves", "max_leaf", "max_leaf_nodes"),
    "max_depth": (),
    "min_data_in_leaf": ("min_data_per_leaf", "min_data", "min_child_samples", "min_samples_leaf"),
    "min_sum_hessian_in_leaf": ("min_sum_hessian_per_leaf", "min_sum_hessian", "min_hessian", "min_child_weight"),
    "bagging_fraction": ("sub_row", "subsample", "bagging"),
    "pos_bagging_fraction": ("pos_sub_row", "pos_subsample", "pos_bagging"),
    "neg_bagging_fraction": ("neg_sub_row", "neg_subsample", "neg_bagging"),
    "bagging_freq": ("subsample_freq",),
    "feature_fraction": ("sub_feature", "colsample_bytree"),
    "feature_fraction_bynode": ("sub_feature_bynode", "colsample_bynode"),
    "extra_trees": ("extra_tree",),
    "max_delta_step": ("max_tree_output", "max_leaf_output"),
    "lambda_l1": ("reg_alpha", "l1_regularization"),
    "lambda_l2": ("reg_lambda", "lambda", "l2_regularization"),
    "linear_tree": ("linear_trees",),
    "linear_lambda": (),
    "min_gain_to_split": ("min_split_gain",),
    "drop_rate": ("rate_drop",),
    "max_drop": (),
    "skip_drop": (),
    "xgboost_dart_mode": (),
    "uniform_drop": (),
    "data_sample_strategy": (),
    "top_rate": (),
    "other_rate": (),
    "min_data_per_group": (),
    "max_cat_threshold": (),
    "cat_l2": (),
    "cat_smooth": (),
    "max_cat_to_onehot": (),
    "monotone_constraints": ("mc", "monotone_constraint", "monotonic_cst"),
    "monotone_constraints_method": ("monotone_constraining_method", "mc_method"),
    "monotone_penalty": ("monotone_splits_penalty", "ms_penalty", "mc_penalty"),
    "path_smooth": (),
    "max_bin": ("max_bins",),
    "min_data_in_bin": (),
    "bin_construct_sample_cnt": ("subsample_for_bin",),
    "enable_bundle": ("is_enable_bundle", "bundle"),
    "use_missing": (),
    "zero_as_missing": (),
    "is_unbalance": ("unbalance", "unbalanced_sets"),
    "scale_pos_weight": (),
    "sigmoid": (),
    "boost_from_average": (),
    "reg_sqrt": (),
    "alpha": (),
    "fair_c": (),
    "poisson_max_delta_step": (),
    "tweedie_variance_power": (),
    "metric": ("metrics", "metric_types"),
    "first_metric_only": (),
    "cegb_tradeoff": (),
    "cegb_penalty_split": (),
}
"""Parameter -> its other spellings."""

WHOLE = frozenset(
    [
        "num_boost_round",
        "early_stopping_rounds",
        "num_leaves",
        "max_depth",
        "min_data_in_leaf",
        "bagging_freq",
        "max_drop",
        "min_data_per_group",
        "max_cat_threshold",
        "max_cat_to_onehot",
        "max_bin",
        "min_data_in_bin",
        "bin_construct_sample_cnt",
    ]
)
"""Parameters that are whole numbers."""

FLAGS = frozenset(
    [
        "extra_trees",
        "linear_tree",
        "xgboost_dart_mode",
        "uniform_drop",
        "enable_bundle",
        "use_missing",
        "zero_as_missing",
        "is_unbalance",
        "boost_from_average",
        "reg_sqrt",
        "first_metric_only",
    ]
)
"""Parameters that are true or false."""

WORDS = frozenset(["objective", "boosting", "data_sample_strategy", "monotone_constraints", "monotone_constraints_method", "metric"])
"""Parameters that are words or lists; all others are numbers."""

CANONICAL: dict[str, str] = {spelling: name for name, others in ALIASES.items() for spelling in (name, *others)}
"""Every spelling that a definition may use -> the parameter that it means."""

SET_BY_TRAINING: frozenset[str] = frozenset(
    [
        "seed",
        "random_seed",
        "random_state",
        "num_threads",
        "n_jobs",
        "nthread",
        "nthreads",
        "num_thread",
        "deterministic",
        "force_row_wise",
        "force_col_wise",
        "num_class",
        "num_classes",
        "verbosity",
        "verbose",
        "device",
        "device_type",
    ]
)
"""Set by training itself: seed from `training.seed`, classes from the target, one deterministic mode."""


def wrong_value(parameter: str, value: object) -> str | None:
    """What a value of the canonical ``parameter`` is not, in words; None where it may be one."""
    if parameter in WORDS:
        return None
    if parameter in FLAGS:
        return None if isinstance(value, bool) else "true or false"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "a whole number" if parameter in WHOLE else "a number"
    return "a whole number" if parameter in WHOLE and not float(value).is_integer() else None


def parameter_mistakes(given: Mapping[str, Any], tuned: Iterable[str], task: str) -> Iterator[ParameterMistake]:
    """Every parameter must be one that a definition may set, given once, of its type, and its objective one of the task."""
    seen: dict[str, str] = {}
    for name, value in given.items():
        meaning = CANONICAL.get(name)
        if name in SET_BY_TRAINING or meaning is None:
            yield _not_to_be_set("estimator", name)
        elif seen.setdefault(meaning, name) != name:
            yield ParameterMistake("estimator", name, f"{name!r} and {seen[meaning]!r} are one parameter, given twice")
        elif meaning == "objective" and value not in OBJECTIVES[task]:
            yield ParameterMistake("estimator", name, f"objective {value!r} does not fit {task}", valid=OBJECTIVES[task])
        elif kind := wrong_value(meaning, value):
            yield ParameterMistake("estimator", name, f"found {value!r}, which is not {kind}")
    for name in tuned:
        if name in SET_BY_TRAINING or name not in CANONICAL:
            yield _not_to_be_set("space", name)


def _not_to_be_set(of: Literal["estimator", "space"], name: str) -> ParameterMistake:
    if name in SET_BY_TRAINING:
        return ParameterMistake(of, name, f"{name!r} is set by training itself", do="Leave it out; the seed is `training.seed`.")
    return ParameterMistake(of, name, f"LightGBM has no parameter {name!r}", suggestion=_meant(name))


def _meant(name: str) -> str | None:
    """The parameter that was probably meant, by its documented name unless an alias is much more alike."""
    alias = nearest(name, CANONICAL)
    return misspelling(name, [CANONICAL[alias]]) or alias if alias else None
