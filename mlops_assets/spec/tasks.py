"""The tasks: what kind of target a model may predict."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["binary_classification", "multiclass_classification", "regression", "forecasting"]
TASKS: tuple[Task, ...] = get_args(Task)
CLASSIFICATION: tuple[Task, ...] = ("binary_classification", "multiclass_classification")
