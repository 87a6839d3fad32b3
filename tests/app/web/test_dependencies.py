"""What routes get: a transaction that is over before the answer goes out."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Request
from jsonschema import Draft202012Validator
from pydantic import Field, TypeAdapter, ValidationError

from app.models import Ping
from app.web.dependencies import LARGEST_ID, NUMBER, Identity, Writing, announced_length
from tests.service import Service


def test_a_commit_that_fails_is_no_success(service: Service) -> None:
    router = APIRouter()

    @router.post("/twice")
    def twice(session: Writing) -> dict[str, bool]:
        session.add_all([Ping(id=1), Ping(id=1)])
        return {"good": True}

    service.client.app.include_router(router)  # type: ignore[attr-defined]
    assert service.client.post("/twice").status_code == 500


def test_what_a_route_raises_rolls_back(service: Service) -> None:
    router = APIRouter()

    @router.post("/half")
    def half(session: Writing) -> None:
        session.add(Ping())
        session.flush()
        raise RuntimeError

    service.client.app.include_router(router)  # type: ignore[attr-defined]
    service.client.post("/half")
    with service.database.reading() as session:
        assert session.query(Ping).count() == 0


def test_ids_are_those_that_a_database_can_hold(service: Service) -> None:
    router = APIRouter()

    @router.get("/id/{id}")
    def show(identity: Identity) -> int:
        return identity

    service.client.app.include_router(router)  # type: ignore[attr-defined]
    assert service.get(f"/id/{LARGEST_ID}") == LARGEST_ID
    for wrong in (0, -1, LARGEST_ID + 1, 10**30):
        assert service.get(f"/id/{wrong}", 422)["code"] == "invalid-request"


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (None, None),
        (b"0", 0),
        (b"12", 12),
        (b"", None),
        (b"-1", None),
        (b"1e3", None),
        (b"\xb2", None),
        (b"1, 1", None),
    ],
)
def test_only_a_whole_number_is_a_length(header: bytes | None, length: int | None) -> None:
    headers = [] if header is None else [(b"content-length", header)]
    assert announced_length(Request({"type": "http", "headers": headers})) == length


VALUES = [0, 5, -1, 5.0, 5.5, True, False, "5", "", None, [5], {}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("kind", [int, float])
def test_a_number_of_a_body_is_what_the_schema_takes(kind: Any, value: object) -> None:
    adapter = TypeAdapter[Any](Annotated[kind, Field(ge=0), NUMBER])
    schema = adapter.json_schema()
    assert schema == {"type": "integer" if kind is int else "number", "minimum": 0}
    if Draft202012Validator(schema).is_valid(value):
        assert adapter.validate_python(value) == value
    else:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)
