"""`mlops_assets.FeatureView`: what is known about an entity at an as-of time."""

from __future__ import annotations

from mlops_assets import spec
from mlops_assets.components.base import DeclaredComponent


class FeatureView(DeclaredComponent):
    """One row per entity and as-of time, computed from rows that were available before that time."""

    spec_class = spec.FeatureView
