"""MLflow's scoring protocol: ``/invocations`` with its forms, ``/ping`` and ``/version``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from mlops_assets.modeling.requests.errors import RequestError
from mlops_assets.modeling.requests.forms import read_invocation_rows
from mlops_assets.serving.requests import Reply

if TYPE_CHECKING:
    from mlops_assets.serving.access import Gate
    from mlops_assets.serving.bodies import Bodies
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.predicting import Predictor
    from mlops_assets.serving.requests import Call, Handler


class Invocations:
    """Routes of the protocol."""

    def __init__(self, follower: Follower, gate: Gate, predictor: Predictor, bodies: Bodies) -> None:
        self._follower = follower
        self._gate = gate
        self._predictor = predictor
        self._bodies = bodies

    def handlers(self) -> Mapping[str, Handler]:
        """Route -> what answers it."""
        return {"invocations": self._invoke, "model_invocations": self._invoke, "ping": self._ping, "version": self._version}

    async def _invoke(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts.get("model") or self._default_model(call))
        body = await self._bodies.read(call)
        reader = deployed.champion.served.scorer.reader
        scored = await self._predictor.score(call, deployed, read_invocation_rows(reader, body, typable=deployed.uniform))
        return Reply(msgspec.json.encode({"predictions": scored.predictions}))

    def _default_model(self, call: Call) -> str:
        given = call.header(b"x-model")
        assert call.actor is not None
        if given is None:
            visible = self._gate.visible(call.actor, self._follower.models)
            if len(visible) != 1:
                raise RequestError(400, "which_model", "Name the model: header X-Model, or POST /models/{model}/invocations.")
            return visible[0]
        model = given.decode("utf-8", "replace")
        if not self._gate.sees(call.actor, model):
            raise RequestError(403, "forbidden", "The key is for other models.")
        return model

    async def _ping(self, call: Call) -> Reply:
        return Reply(b'{"status":"ok"}')

    async def _version(self, call: Call) -> Reply:
        from importlib.metadata import version

        return Reply(version("mlflow").encode(), headers=((b"content-type", b"text/plain; charset=utf-8"),))
