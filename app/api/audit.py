"""The audit log, for whoever has the scope admin."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app import models
from app.access import audit
from app.api.schemas import moment
from app.web.dependencies import Admin
from app.web.pagination import PAGED, PageOf
from app.web.problems import responses

router = APIRouter(prefix="/audit", tags=["access"])


class AuditEntry(BaseModel):
    """One recorded action."""

    id: int = Field(examples=[17])
    at: datetime
    actor: str = Field(examples=["token CI of main (esc_3f9k2m1q8z0a)"])
    action: str = Field(examples=["checkpoint.delete"])
    subject: str = Field(examples=["checkpoint 3, run 7"])
    project_id: int | None = Field(examples=[1])
    detail: dict[str, Any]


def line_json(row: models.Event) -> AuditEntry:
    fields = {name: getattr(row, name) for name in ("id", "actor", "action", "subject", "project_id", "detail")}
    return AuditEntry(at=moment(row.at), **fields)


@router.get("", responses=PAGED | responses(400), operation_id="read_audit_log")
def listing(
    session: Admin,
    page: PageOf,
    action: Annotated[
        str | None, Query(pattern="^[^\\u0000]*$", max_length=64, examples=["token"], description="All of one kind.")
    ] = None,
) -> list[AuditEntry]:
    """Lists recorded actions, newest first: tokens, sign-ins, uploads, requests, deletions and verdicts."""
    events = audit.listing(session, page.limit + 1, page.number, action)
    return [line_json(row) for row in page.page_of(events, lambda row: row.id)]
