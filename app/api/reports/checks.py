"""Checks of single weights with WeightWatcher, computed by a worker."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app import models
from app.api import examples
from app.api.schemas import Reason, moment, reason
from app.runs import checks
from app.web.dependencies import NUMBER, Identity, Reading, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/checks", tags=["checks"], route_class=OnceRoute)


class CheckRequest(BaseModel):
    """Which weight of which checkpoint."""

    model_config = ConfigDict(extra="forbid")

    weight: str = Field(min_length=1, max_length=200_000, examples=[examples.WEIGHT])
    position: Annotated[int, Field(ge=0, le=1000), NUMBER] = Field(
        0, description="The checkpoint's position in the run.", examples=[0]
    )


class CheckedColumn(BaseModel):
    """A column as both measure it under WeightWatcher's settings."""

    diagnostic: str = Field(examples=["esd"])
    column: str = Field(examples=["alpha"])
    ours: float | None = Field(examples=[3.12])
    theirs: float | None = Field(examples=[3.12])
    agrees: bool | None = Field(description="Null where one of them has no value.", examples=[True])


class Check(BaseModel):
    """A weight measured by WeightWatcher too."""

    id: int = Field(examples=[1])
    run: int = Field(examples=[1])
    position: int = Field(examples=[0])
    weight: str = Field(examples=[examples.WEIGHT])
    state: Literal["queued", "running", "done", "failed"] = Field(examples=["done"])
    reason: Reason | None = Field(description="Why it failed.", examples=[None])
    version: str | None = Field(description="Of WeightWatcher.", examples=["0.7.7"])
    columns: list[CheckedColumn] = Field(description="Once it is done.")
    created_at: datetime
    finished_at: datetime | None


def check_json(row: models.Check) -> Check:
    return Check(
        id=row.id,
        run=row.run_id,
        position=row.position,
        weight=row.weight,
        state=row.state,
        reason=reason(row.reason_code, row.reason),
        version=row.version,
        columns=[CheckedColumn(**column) for column in row.columns],
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        finished_at=moment(row.finished_at),
    )


@router.post("", status_code=201, responses=responses(400, 404, 409), dependencies=[Once], operation_id="request_check")
def request(session: Writing, identity: Identity, asked: CheckRequest) -> Check:
    """Asks a worker to measure one weight with WeightWatcher; one that goes on already is returned."""
    return check_json(checks.request(session, identity, asked.weight, asked.position))


@router.get("", responses=responses(404), operation_id="list_checks")
def listing(session: Reading, identity: Identity) -> list[Check]:
    """Lists those of the run, newest first; at most 1,000."""
    return [check_json(row) for row in checks.listing(session, identity)]
