"""The contract: every operation can be understood and tried from the OpenAPI alone."""

from typing import Any

import jsonschema_rs
import pytest

from app.main import VERSION
from app.web import openapi as contract
from tests.service import Service

BYTES = ("application/octet-stream", "application/offset+octet-stream", "multipart/form-data", "text/event-stream")


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/api/v1/openapi.json")
    return found


def bodies(document: dict[str, Any]) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(operation, status or "request", media type, content) of every body."""
    found = []
    for operation in contract.operations(document):
        parts = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for part, body in parts.items():
            found += [(operation["operationId"], part, kind, each) for kind, each in body.get("content", {}).items()]
    return found


def examples(content: dict[str, Any]) -> list[Any]:
    """A body's one example, or the values of several."""
    return [content["example"]] if "example" in content else [each["value"] for each in content["examples"].values()]


def test_it_has_a_version_and_says_what_it_is(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == VERSION
    assert document["info"]["description"]


def test_every_operation_says_what_it_does(document: dict[str, Any]) -> None:
    found = list(contract.operations(document))
    assert len(found) > 20
    assert len({each["operationId"] for each in found}) == len(found)
    for each in found:
        assert each["summary"], each["operationId"]
        assert each["description"].rstrip().endswith((".", "…'`.", "`")), each["operationId"]


def test_every_body_has_an_example_of_its_own_schema(document: dict[str, Any]) -> None:
    components = {"components": document["components"]}
    for operation, part, kind, content in bodies(document):
        assert "example" in content or "examples" in content, (operation, part, kind)
        if kind not in BYTES and "schema" in content:
            for shown in examples(content):
                jsonschema_rs.validate({**content["schema"], **components}, shown)


def test_every_parameter_says_what_it_may_be(document: dict[str, Any]) -> None:
    for operation in contract.operations(document):
        for each in operation.get("parameters", []):
            told = {**each["schema"], **each}
            assert {"example", "examples", "default"} & set(told), (operation["operationId"], each["name"])


def test_every_operation_tells_its_problems(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in contract.operations({"paths": {path: item}}):
            stated = set(operation["responses"])
            assert path == "/health" or {"401", "403", "421"} <= stated, path
            assert "{" not in path or "404" in stated, path
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert answer["content"]["application/problem+json"]["example"]["status"] == int(status)


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"$ref": "#/components/schemas/Thing"}, {"id": 7}),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": "x"}, "x"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 1),
        ({"type": "array", "items": {"type": "string"}}, ["…"]),
        ({"type": "string", "format": "date-time"}, contract.MOMENT),
        ({"type": "boolean", "default": False}, False),
        ({}, None),
    ],
)
def test_examples_come_out_of_schemas(schema: dict[str, Any], made: object) -> None:
    thing = {"type": "object", "properties": {"id": {"type": "integer", "examples": [7]}}}
    assert contract.example(schema, {"Thing": thing}) == made
