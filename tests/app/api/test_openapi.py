"""The OpenAPI, tried out by schemathesis: whatever is sent, the answer is as the schema says, and never a 500."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.python.asgi import HOST
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.db import now
from app.errors import ServiceError
from app.models import Ping
from tests.service import Service, model
from tests.service import settings as service_settings

OPERATIONS = [
    "cancel_run", "delete_checkpoint", "delete_mitigation", "delete_run", "download_file", "edit_checkpoint",
    "follow_run", "get_checkpoint", "get_curves", "get_figure", "get_health", "get_mitigation", "get_report", "get_run",
    "get_scaling", "get_table", "get_table_csv", "list_checkpoints", "list_diagnostics", "list_mitigations",
    "list_runs", "list_tensors", "request_mitigation", "request_run", "send_checkpoint",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(service_settings(tmp_path_factory.mktemp("api"), allowed_hosts=(HOST,)))
    made.hands.ping = lambda identity: answer(made, identity)  # type: ignore[method-assign]
    for _ in range(3):
        made.upload(model())
        made.run(1)
    made.work()
    yield made
    made.close()


def answer(service: Service, identity: int) -> None:
    with service.database.writing() as session:
        session.get_one(Ping, identity).answered_at = now()


@pytest.fixture(scope="module")
def schema(service: Service) -> OpenApiSchema:
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", service.client.app)


def test_every_operation_is_tried(schema: OpenApiSchema) -> None:
    found = [each["operationId"] for path in schema.raw_schema["paths"].values() for each in path.values()]
    assert sorted(found) == OPERATIONS


TRIED = [
    (identity, mode)
    for identity in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or identity not in ("get_health", "list_diagnostics")  # which take nothing
]


# A form has nothing but text: what the schema tells from text, a null or a list, arrives as text. Facts are text too.
EXCLUDED: dict[str, list[CheckFunction]] = {"send_checkpoint": [negative_data_rejection, positive_data_acceptance]}


@pytest.mark.parametrize(("identity", "mode"), TRIED)
def test_answers_are_as_the_schema_says(schema: OpenApiSchema, identity: str, mode: GenerationMode) -> None:
    operation = schema.find_operation_by_id(identity)

    @settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def answers(case: Case[Any]) -> None:
        case.call_and_validate(excluded_checks=EXCLUDED.get(identity, []))

    answers()


def test_the_tour_passes_by_every_operation_and_every_code(service: Service) -> None:
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for path, operations in service.get("/api/v1/openapi.json")["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}" in text, (method, path)
    for error in descendants(ServiceError):
        assert f"| `{error.code}` | {error.status} |" in text, error


def descendants(kind: type[ServiceError]) -> list[type[ServiceError]]:
    return [each for below in kind.__subclasses__() for each in (below, *descendants(below))]
