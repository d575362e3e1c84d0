"""The OpenAPI document against the running server, by made-up requests."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.serving.conftest import Deployment

CASES = int(os.environ.get("MLOPS_CONTRACT_CASES", "150"))
"""Over all operations; set it higher for a thorough look."""


LOOSE = ("invocations", "model_invocations", "v2_infer", "v2_version_infer")
"""Operations of foreign protocols, whose rules JSON Schema cannot say (columns of one length, every feature a tensor): that a request
fits the schema does not make it right."""


@pytest.fixture(scope="module")
def operations(deployed: Deployment) -> list[Any]:
    with deployed.server.client(deployed.key) as client:
        document = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    return [operation.ok() for operation in schema.get_all_operations()]


def made_up(deployed: Deployment, operation: Any, most: int) -> int:
    """Hold answers to made-up requests against the document; returns how many were asked."""
    asked, headers = 0, {"Authorization": f"Bearer {deployed.key}"}
    loose = operation.definition.raw["operationId"].startswith(LOOSE)
    excluded = [positive_data_acceptance] if loose else []

    @hypothesis.settings(
        max_examples=most,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
        derandomize=True,
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal asked
        asked += 1
        case.call_and_validate(base_url=deployed.server.url, headers=headers, excluded_checks=excluded)

    ask()
    return asked


def test_no_made_up_request_meets_a_5xx_an_undeclared_status_or_an_answer_against_its_schema(
    deployed: Deployment, operations: list[Any], record_property: Callable[[str, object], None]
) -> None:
    posting = [operation for operation in operations if operation.method.upper() == "POST"]
    looking = [operation for operation in operations if operation.method.upper() != "POST"]
    asked = 0
    for some, share in ((posting, 0.8), (looking, 0.2)):
        for operation in some:
            asked += made_up(deployed, operation, max(1, int(CASES * share / len(some))))
    record_property("requests", asked)
    assert asked >= CASES * 0.5


def test_right_requests_of_the_document_are_answered(deployed: Deployment, operations: list[Any]) -> None:
    (predict,) = [operation for operation in operations if operation.path == "/models/m/predict"]
    statuses: list[int] = []

    @hypothesis.settings(
        max_examples=25, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck), derandomize=True
    )
    @hypothesis.given(case=predict.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=deployed.server.url, headers={"Authorization": f"Bearer {deployed.key}"})
        statuses.append(answer.status_code)

    ask()
    assert statuses.count(200) > 0.9 * len(statuses)
