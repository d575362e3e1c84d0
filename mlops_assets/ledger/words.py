"""The words that events are written in: environments, roles, statuses, kinds of digest, and how a scope is written."""

from __future__ import annotations

import re

ENVIRONMENTS = ("dev", "test", "prod")
"""From the least to the most trusted: a bundle moves to the right only."""

ROLES = ("viewer", "caller", "operator", "approver", "admin")
STATUSES = ("pass", "fail", "inconclusive")
GATE_STATUSES = (*STATUSES, "not_applicable", "off")
NOT_PASSED = ("fail", "inconclusive")
"""Statuses of a gate that hold a version back."""

DIGESTS = ("bundle", "trees", "data", "spec")

SCOPE_PATTERN = re.compile(rf"^({'|'.join(ENVIRONMENTS)}|\*)/([a-z][a-z0-9_]{{0,62}}|\*)$")
