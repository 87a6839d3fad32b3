"""Sends webhooks the deliveries that are due: a thread in every worker; two never send the same one at once."""

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
        batch = deliveries.due(session)
    answers = anyio.run(_send_all, batch, settings)
    with database.writing() as session:
        for pending, (good, answer) in zip(batch, answers, strict=True):
            deliveries.record_attempt(session, pending.delivery, good, answer)
    return len(batch)


async def _send_all(batch: list[PendingDelivery], settings: Settings) -> list[tuple[bool, str]]:
    answers: dict[int, tuple[bool, str]] = {}

    async def one(pending: PendingDelivery) -> None:
        try:
            answers[pending.delivery] = await webhooks.send(pending, settings, int(time.time()))
        except Exception as error:  # one webhook's failure must not cost the others their message
            log.exception("delivery %s failed", pending.delivery)
            answers[pending.delivery] = False, f"{type(error).__name__}: {escape(error)}"

    async with anyio.create_task_group() as group:
        for pending in batch:
            group.start_soon(one, pending)
    return [answers[pending.delivery] for pending in batch]


class WebhookSender(threading.Thread):
    """Delivers every few seconds until it is stopped; a failure of ours is logged, and tried again."""

    def __init__(self, database: Database, settings: Settings) -> None:
        super().__init__(name="webhook-sender", daemon=True)
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
