"""`mlops_assets.Model`: one supervised model and its whole life."""

from __future__ import annotations

from mlops_assets import spec
from mlops_assets.components.base import DeclaredComponent


class Model(DeclaredComponent):
    """A supervised model: what it learns from, what it must show, how it goes live and how it is watched."""

    spec_class = spec.Model
