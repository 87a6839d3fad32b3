"""Health: not that the process lives, but that the queue turns."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.errors import QueueStalled
from app.web.dependencies import HealthCheckOf
from app.web.problems import responses

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The service and a worker respond."""

    status: Literal["ok"] = "ok"
    queue_seconds: float = Field(description="A round trip through the queue.", examples=[0.06])
    worker: str | None = Field(description="Which worker answered.", examples=["node-1:4711"])


@router.get("/health", responses=responses(503), operation_id="get_health")
async def health(pulse: HealthCheckOf) -> Health:
    """Sends a message through the queue and waits for a worker to answer it: 503 if none does."""
    trip = await pulse.share()
    if trip.seconds is None:
        raise QueueStalled(f"The queue does not respond: {trip.fault}.")
    return Health(queue_seconds=round(trip.seconds, 4), worker=trip.worker)
