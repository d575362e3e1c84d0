"""What the server says of itself: its health, its metrics, and its routes as a document and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mlops_assets.serving.requests import Reply, readiness

if TYPE_CHECKING:
    from mlops_assets.serving.access import Gate
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.metrics import Metrics
    from mlops_assets.serving.requests import Call, Handler


class About:
    """Routes about the server."""

    def __init__(self, follower: Follower, gate: Gate, metrics: Metrics) -> None:
        self._follower = follower
        self._gate = gate
        self._metrics = metrics

    def handlers(self) -> Mapping[str, Handler]:
        """Route -> what answers it."""
        return {"live": self._live, "ready": self._ready, "metrics": self._render, "openapi": self._openapi, "page": self._page}

    async def _live(self, call: Call) -> Reply:
        return Reply(b'{"status":"ok"}')

    async def _ready(self, call: Call) -> Reply:
        return readiness(self._follower.ready)

    async def _render(self, call: Call) -> Reply:
        return Reply(self._metrics.render(), headers=((b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),))

    async def _openapi(self, call: Call) -> Reply:
        from mlops_assets.serving.openapi import openapi

        assert call.actor is not None
        deployed = self._follower.models
        visible = self._gate.visible(call.actor, deployed)
        bundles = {model: [v.served.scorer.bundle for v in deployed[model].answering()] for model in visible}
        return Reply(msgspec.json.encode(openapi(bundles)))

    async def _page(self, call: Call) -> Reply:
        from mlops_assets.serving.page import PAGE

        policy = b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
        return Reply(PAGE, headers=((b"content-type", b"text/html; charset=utf-8"), (b"content-security-policy", policy)))
