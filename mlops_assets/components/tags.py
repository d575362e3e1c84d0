"""Tags of Dagster runs and events: ours, and those of Dagster's that we read or write."""

from __future__ import annotations

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"
RUN_KEY_TAG = "dagster/run_key"

DATA_VERSION_TAG = "dagster/data_version"
USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
CODE_VERSION_TAG = "dagster/code_version"

EVERY_TAG = "mlops/every"
"""Run: make only every n-th partition of its range."""
WHY_TAG = "mlops/why"
"""Run: why it was started, in words."""
COMMAND_TAG = "mlops/command"
"""Run: the command that carries it out."""
PROCESS_TAG = "mlops/process"
"""Run: name of the lock that its process holds while it lives."""
EXIT_CODE = "exit_code"
"""Metadata of a failure: the exit code of a command that ends with it."""
RETRAINING_TAG = "mlops/retraining"
"""Run: key of the retraining request that it serves."""
STAGE_TAG = "mlops/stage"
"""Run: data, features or train."""
