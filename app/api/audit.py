"""The audit log, for whoever has the scope admin."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app import audit, models
from app.api.dependencies import LARGEST_ID, Admin, Limit
from app.api.shapes import moment

router = APIRouter(prefix="/audit", tags=["access"])


class Line(BaseModel):
    """Who did what to what."""

    id: int = Field(examples=[17])
    at: datetime
    actor: str = Field(examples=["token CI of main (esc_3f9k2m1q8z0a)"])
    action: str = Field(examples=["checkpoint.delete"])
    subject: str = Field(examples=["checkpoint 3, run 7"])
    project_id: int | None = Field(examples=[1])
    detail: dict[str, Any]


def line_json(row: models.Event) -> Line:
    told = {name: getattr(row, name) for name in ("id", "actor", "action", "subject", "project_id", "detail")}
    return Line(at=moment(row.at), **told)


@router.get("", operation_id="read_audit_log")
def listing(
    session: Admin,
    limit: Limit = 100,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Lines with smaller ids only.")] = None,
    action: Annotated[str | None, Query(max_length=64, examples=["token"], description="All of one kind.")] = None,
) -> list[Line]:
    """The newest first: tokens made, used and revoked, sign-ins, what was sent, asked for, deleted, and verdicts."""
    return [line_json(row) for row in audit.listing(session, limit, before, action)]
