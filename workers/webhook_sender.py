"""The courier: tells webhooks what is due, in every worker, beside the sweeper; two never tell the same at once."""

import logging
import threading
import time

import anyio

from analysis.errors import escape
from app.db import Database
from app.settings import Settings
from app.webhooks import deliveries
from app.webhooks import sending as webhooks
from app.webhooks.deliveries import PendingDelivery

log = logging.getLogger(__name__)


def deliver(database: Database, settings: Settings) -> int:
    """Tells everything that is due now; how many attempts that took."""
    with database.writing() as session:
        parcels = deliveries.due(session)
    answers = anyio.run(_send_all, parcels, settings)
    with database.writing() as session:
        for parcel, (good, answer) in zip(parcels, answers, strict=True):
            deliveries.record_attempt(session, parcel.delivery, good, answer)
    return len(parcels)


async def _send_all(parcels: list[PendingDelivery], settings: Settings) -> list[tuple[bool, str]]:
    answers: dict[int, tuple[bool, str]] = {}

    async def one(parcel: PendingDelivery) -> None:
        try:
            answers[parcel.delivery] = await webhooks.send(parcel, settings, int(time.time()))
        except Exception as error:  # one webhook's failure must not cost the others their message
            log.exception("delivery %s failed", parcel.delivery)
            answers[parcel.delivery] = False, f"{type(error).__name__}: {escape(error)}"

    async with anyio.create_task_group() as group:
        for parcel in parcels:
            group.start_soon(one, parcel)
    return [answers[parcel.delivery] for parcel in parcels]


class WebhookSender(threading.Thread):
    """Delivers every few seconds until it is stopped; a failure of ours is logged, and tried again."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(name="courier", daemon=True)
        self._database, self._settings = database, settings
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(self._settings.sweep_seconds):
            try:
                deliver(self._database, self._settings)
            except Exception:  # the database may be away for a while
                log.exception("the webhook sender failed")

    def stop(self) -> None:
        self._stopped.set()
