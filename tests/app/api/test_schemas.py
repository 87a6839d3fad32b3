"""The JSON's models: their examples are of their own form, and rows become them without loss."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from analysis.diagnostic import Scope
from analysis.diagnostics import DIAGNOSTICS
from app.api import schemas as shapes
from tests.service import Service

MODELS = [each for each in vars(shapes).values() if isinstance(each, type) and issubclass(each, BaseModel)]


@pytest.mark.parametrize("model", [each for each in MODELS if each is not BaseModel])
def test_every_field_says_what_it_is_by_its_examples(model: type[BaseModel]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        for example in field.examples or ():
            model.__pydantic_validator__.validate_assignment(model.model_construct(), name, example)


def test_moments_are_utc() -> None:
    assert shapes.moment(0.0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert shapes.moment(None) is None


def test_a_reason_has_a_message_always() -> None:
    assert shapes.reason("x", None) == shapes.Reason(code="x", message="x")
    assert shapes.reason(None, "x") is None


def test_rows_become_json(analysed: Service) -> None:
    run = shapes.Run.model_validate(analysed.get("/api/v1/runs/1"))
    assert run.progress == shapes.Progress(done=5, total=5, current=None, eta_seconds=None)
    checkpoint = shapes.Checkpoint.model_validate(analysed.get("/api/v1/checkpoints/1"))
    assert checkpoint.latest_run == run.id


def test_the_schema_says_how_many_checkpoints_a_diagnostic_compares() -> None:
    one, two, three = ({*found["properties"]["diagnostics"]["properties"]} for found in shapes.counts_schema())
    assert {"intruders", "update", "overlap"} <= one
    assert two == {each.name for each in DIAGNOSTICS if each.scope is Scope.UPDATES}
    assert three == set()
