"""The server's own protocol, below ``/models``: predictions for rows or for entities, outcomes, and what is deployed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlops_assets.modeling.requests.documents import read_document
from mlops_assets.modeling.requests.errors import RequestError, invalid_rows
from mlops_assets.modeling.requests.own import read_own
from mlops_assets.modeling.requests.reader import Rows
from mlops_assets.modeling.signature import InputProblem
from mlops_assets.serving.feedback import read_outcomes, record
from mlops_assets.serving.journal import text_of_rows
from mlops_assets.serving.requests import Reply

if TYPE_CHECKING:
    from mlops_assets.serving.access import Gate
    from mlops_assets.serving.bodies import Bodies
    from mlops_assets.serving.entities import EntityFeatures, Freshness
    from mlops_assets.serving.follower import Follower
    from mlops_assets.serving.journal import Journal
    from mlops_assets.serving.predicting import Predictor, Scored
    from mlops_assets.serving.requests import Call, Handler, Limits
    from mlops_assets.serving.routing import Deployed


class Answer(msgspec.Struct, omit_defaults=True):
    """The answer to a request for predictions.

    ``version`` is null where a rollout sent the rows of one request to two versions; ``versions`` then has one a row.
    """

    predictions: list[Any]
    model: str
    version: int | None
    prediction_ids: list[str]
    versions: list[int] | None = None
    classes: list[Any] | None = None
    features: dict[str, Any] | None = None


class OwnProtocol:
    """Routes of the protocol.

    Attributes:
        feature_age: by model, seconds since the oldest features that its newest lookup found.
        stale_rows: by model, rows whose features were older than their view allows.
    """

    def __init__(
        self,
        follower: Follower,
        gate: Gate,
        predictor: Predictor,
        bodies: Bodies,
        *,
        limits: Limits,
        entities: Mapping[str, EntityFeatures],
        journal: Journal | None,
    ) -> None:
        self.feature_age: dict[str, float] = {}
        self.stale_rows: dict[str, int] = {}
        self._follower = follower
        self._gate = gate
        self._predictor = predictor
        self._bodies = bodies
        self._limits = limits
        self._entities = entities
        self._journal = journal

    def handlers(self) -> Mapping[str, Handler]:
        """Route -> what answers it."""
        return {"predict": self._predict, "feedback": self._feedback, "models": self._models, "model": self._model}

    async def _predict(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        body = await self._bodies.read(call)
        scored, freshness = None, None
        if deployed.uniform:
            try:
                values = deployed.champion.served.scorer.reader.decode(body).data
            except ValueError:
                values = None
            if values:
                text = text_of_rows(body) if self._journal is not None else None
                scored = await self._predictor.score(call, deployed, Rows(values, True, text=text))
        if scored is None:
            rows, freshness = self._plain_rows(deployed, body)
            scored = await self._predictor.score(call, deployed, rows)
        bundle = deployed.champion.served.scorer.bundle
        classes = bundle.classes if bundle.task == "multiclass_classification" else None
        return Reply(write_answer(deployed.model, scored, classes, freshness.to_json() if freshness is not None else None))

    def _plain_rows(self, deployed: Deployed, body: bytes) -> tuple[Rows, Freshness | None]:
        """Rows of a body that does not hold typed rows alone, with the features of those that name an entity."""
        entities = self._entities.get(deployed.model)
        if entities is None:
            return Rows(read_own(read_document(body)[0]), False), None
        try:
            values: list[Any] = entities.decode(body)
            asking = list(range(len(values)))
        except ValueError:
            values = read_own(read_document(body)[0])
            asking = [index for index, row in enumerate(values) if entities.asks(row)]
        if not asking or len(values) > self._limits.rows:
            return Rows(values, False), None
        names = list(dict.fromkeys(name for v in deployed.variants() for name in v.served.scorer.reader.names))
        try:
            completed, freshness = entities.complete([values[index] for index in asking], names)
        except RequestError as error:
            problems = [InputProblem(None if p.row is None else asking[p.row], p.field, p.message) for p in error.problems]
            raise invalid_rows(problems) if problems else error from None
        as_of: list[Mapping[str, int]] = [{} for _ in values]
        for index, row, moments in zip(asking, completed, freshness.rows, strict=True):
            values[index], as_of[index] = row, moments
        self.feature_age[deployed.model] = freshness.age
        if freshness.stale:
            self.stale_rows[deployed.model] = self.stale_rows.get(deployed.model, 0) + len(asking)
        alike = deployed.uniform and len(asking) == len(values)
        return deployed.champion.served.scorer.reader.rows(values, alike, as_of), freshness

    async def _feedback(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        bundle = deployed.champion.served.scorer.bundle
        document = read_document(await self._bodies.read(call))[0]
        outcomes = read_outcomes(document, bundle.task, bundle.classes, self._limits.rows)
        if self._journal is None:
            raise RequestError(503, "no_journal", "This server keeps no journal, so outcomes go nowhere.")
        record(self._journal, deployed.model, outcomes, call.principal)
        return Reply(msgspec.json.encode({"accepted": len(outcomes)}), 202)

    async def _models(self, call: Call) -> Reply:
        assert call.actor is not None
        deployed = self._follower.models
        models = [self._summary(deployed[model]) for model in self._gate.visible(call.actor, deployed)]
        return Reply(msgspec.json.encode({"schema": 1, "models": models}))

    async def _model(self, call: Call) -> Reply:
        deployed = self._follower.deployed(call.parts["model"])
        reader = deployed.champion.served.scorer.reader
        features = [{"name": f.name, "type": f.type, "nullable": f.nullable} for f in reader.signature.features]
        detail = {"schema": 1, **self._summary(deployed), "entity": list(reader.entity), "features": features}
        return Reply(msgspec.json.encode(detail))

    def _summary(self, deployed: Deployed) -> dict[str, Any]:
        return {
            "model": deployed.model,
            "environment": self._follower.environment,
            "task": deployed.champion.served.scorer.bundle.task,
            "version": deployed.champion.served.number,
            "sequence": deployed.sequence,
            "problem": self._follower.problems.get(deployed.model),
            "variants": [
                {
                    "variant": variant.name,
                    "version": variant.served.number,
                    "bundle": variant.served.bundle,
                    "share": deployed.share_of(variant),
                    "path": variant.served.scorer.path,
                    "compared_rows": variant.served.scorer.compared,
                    "note": variant.served.scorer.note,
                }
                for variant in deployed.variants()
            ],
        }


def write_answer(model: str, scored: Scored, classes: Sequence[Any] | None, features: dict[str, Any] | None) -> bytes:
    """The answer as JSON."""
    version = scored.version
    versions = scored.versions if version is None else None
    return msgspec.json.encode(
        Answer(scored.predictions, model, version, scored.ids, versions, list(classes) if classes else None, features)
    )
