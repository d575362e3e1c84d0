"""Failures of tracking and registry."""

from __future__ import annotations

from mlops_assets.errors import MlopsError


class RegistryError(MlopsError):
    """MLflow cannot be used as asked: unreachable, out of date, or its records contradict ours."""
