"""Webhooks that hear of the end of every run, and what became of the messages about one."""

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.run_requests import RunWebhook, hook_json
from app.api.schemas import moment
from app.runs import runs
from app.web.dependencies import Identity, Reading, SettingsOf, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.problems import responses
from app.webhooks import deliveries
from app.webhooks import sending as webhooks

router = APIRouter(tags=["webhooks"], route_class=OnceRoute)
URL = "https://ci.example/hooks/eigenscope"


class WebhookRequest(BaseModel):
    """A webhook to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"url": URL}]})

    url: str = Field(min_length=1, max_length=webhooks.LONGEST_URL, examples=[URL])


class Webhook(BaseModel):
    """A webhook without its secret."""

    id: int = Field(examples=[1])
    url: str = Field(examples=[URL])
    created_at: datetime


class Delivery(BaseModel):
    """A message to a webhook."""

    id: int = Field(examples=[1])
    url: str = Field(examples=[URL])
    state: Literal["waiting", "sent", "failed"] = Field(examples=["sent"])
    attempts: int = Field(examples=[1])
    answer: str | None = Field(description="The response to the last attempt.", examples=["status 204"])
    sent_at: datetime | None


@router.post(
    "/webhooks", status_code=201, responses=responses(400, 409), dependencies=[Once], operation_id="add_webhook"
)
def add(
    session: Writing, settings: SettingsOf, asked: WebhookRequest, incoming: Request, response: Response
) -> RunWebhook:
    """Adds a webhook for the end of every new run. Only this response contains its secret."""
    webhooks.check(asked.url, settings)
    webhook = deliveries.add(session, asked.url)
    response.headers["Location"] = f"{incoming.url.path}/{webhook.id}"
    return hook_json(webhook)


@router.get("/webhooks", operation_id="list_webhooks")
def listing(session: Reading) -> list[Webhook]:
    """Lists the webhooks for all runs."""
    return [
        Webhook(id=row.id, url=row.url, created_at=datetime.fromtimestamp(row.created_at, UTC))
        for row in deliveries.hooks(session)
    ]


@router.delete("/webhooks/{id}", status_code=204, responses=responses(404), operation_id="delete_webhook")
def delete(session: Writing, identity: Identity) -> None:
    """Deletes it; pending messages are not sent."""
    deliveries.forget(session, identity)


@router.get("/runs/{id}/deliveries", responses=responses(404), operation_id="list_deliveries")
def of_run(session: Reading, identity: Identity) -> list[Delivery]:
    """Lists the messages about a run, sent and pending."""
    runs.get(session, identity)
    return [
        Delivery(
            id=row.id, url=row.webhook.url, state=row.state, attempts=row.attempts, answer=row.answer,
            sent_at=moment(row.sent_at),
        )
        for row in deliveries.of_run(session, identity)
    ]  # fmt: skip
