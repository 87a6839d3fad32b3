"""What webhooks are to be told, as rows: that a run has ended, and its verdict where it has one. Rows decide."""

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy import update as sql_update
from sqlalchemy.orm import Session

from app.db import clock, now
from app.errors import Conflict, NotFound
from app.models import Delivery, Run, Verdict, Webhook
from app.states import ENDED, DeliveryState
from app.work.verdicts import pending

FIRST_WAIT, LAST_WAIT = 10.0, 3600.0  # seconds until another attempt; doubles each time
MOST_ATTEMPTS = 10  # over some three hours
AT_ONCE = 10
MOST_WEBHOOKS = 20  # that hear of every run
LONGEST_ANSWER = 200  # characters


@dataclass(frozen=True, slots=True)
class PendingDelivery:
    """A delivery that a webhook sender has claimed."""

    delivery: int
    url: str
    secret: str
    body: bytes


def new_secret() -> str:
    """256 random bits as Standard Webhooks writes a symmetric key."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def hook(session: Session, url: str, run: Run | None = None) -> Webhook:
    """An address that hears of this run, or of every run from now on, with a secret of its own."""
    webhook = Webhook(url=url, secret=new_secret(), run_id=None if run is None else run.id)
    session.add(webhook)
    session.flush()
    session.refresh(webhook)
    if run is not None:
        session.add(Delivery(webhook_id=webhook.id, run_id=run.id))
    return webhook


def add(session: Session, url: str) -> Webhook:
    """One that hears of every run. Raises Conflict where there are as many as there may be."""
    if len(hooks(session)) >= MOST_WEBHOOKS:
        raise Conflict(f"There are already {MOST_WEBHOOKS} webhooks. Delete one first.")
    return hook(session, url)


def hooks(session: Session) -> Sequence[Webhook]:
    """Those that hear of every run, in the order of their making."""
    return session.scalars(select(Webhook).where(Webhook.run_id.is_(None)).order_by(Webhook.id)).all()


def forget(session: Session, identity: int) -> None:
    webhook = session.get(Webhook, identity)
    if webhook is None:
        raise NotFound(f"Webhook {identity} does not exist.")
    session.delete(webhook)


def expect(session: Session, run: Run) -> None:
    """A new run: every standing webhook will hear of it."""
    session.add_all(Delivery(webhook_id=webhook.id, run_id=run.id) for webhook in hooks(session))


def of_run(session: Session, run_id: int) -> Sequence[Delivery]:
    return session.scalars(select(Delivery).where(Delivery.run_id == run_id).order_by(Delivery.id)).all()


def due(session: Session) -> list[PendingDelivery]:
    """Takes what can be told now. Each counts as an attempt; the next comes later, whatever becomes of this one."""
    _give_up(session)
    query = (
        select(Delivery)
        .join(Run, Run.id == Delivery.run_id)
        .where(Delivery.state == DeliveryState.WAITING, Delivery.next_at < now())
        .where(Run.state.in_(ENDED), ~pending(Run.id))
        .order_by(Delivery.next_at, Delivery.id)
        .limit(AT_ONCE)
    )
    rows = session.scalars(query.with_for_update(skip_locked=True, of=Delivery)).all()
    for delivery in rows:
        delivery.next_at = clock(session) + min(FIRST_WAIT * 2.0**delivery.attempts, LAST_WAIT)
        delivery.attempts += 1
    return [
        PendingDelivery(row.id, row.webhook.url, row.webhook.secret, json.dumps(message(session, row)).encode())
        for row in rows
    ]


def _give_up(session: Session) -> None:
    """Ends those whose last attempt is over without an answer: the sender itself was killed then."""
    change = sql_update(Delivery).where(
        Delivery.state == DeliveryState.WAITING, Delivery.attempts >= MOST_ATTEMPTS, Delivery.next_at < now()
    )
    session.execute(change.values(state=DeliveryState.FAILED))


def message(session: Session, delivery: Delivery) -> dict[str, Any]:
    """What a webhook is told. The same delivery says the same each time, so that a receiver can tell it by its id."""
    run = session.get_one(Run, delivery.run_id)
    query = select(Verdict).where(Verdict.run_id == run.id).order_by(Verdict.id.desc()).limit(1)
    verdict = session.scalar(query)
    return {
        "event": "run.ended",
        "delivery": delivery.id,
        "run": {
            "id": run.id,
            "state": run.state,
            "reason": run.reason,
            "checkpoints": [{"id": member.checkpoint_id, "name": member.checkpoint.name} for member in run.members],
            "finished_at": None
            if run.finished_at is None
            else datetime.fromtimestamp(run.finished_at, UTC).isoformat(),
        },
        "verdict": None if verdict is None or verdict.result is None else _payload_of(verdict, verdict.result),
    }


def _payload_of(verdict: Verdict, result: dict[str, Any]) -> dict[str, Any]:
    return {"id": verdict.id, **{name: result[name] for name in ("verdict", "passed", "headline")}}


def record_attempt(session: Session, identity: int, good: bool, answer: str) -> None:
    """What became of an attempt: sent, or to be tried again, or given up after the last."""
    is_last = Delivery.attempts >= MOST_ATTEMPTS
    text = answer[:LONGEST_ANSWER]
    change = sql_update(Delivery).where(Delivery.id == identity, Delivery.state == DeliveryState.WAITING)
    if good:
        session.execute(change.values(state=DeliveryState.SENT, answer=text, sent_at=now()))
    else:
        session.execute(change.where(is_last).values(state=DeliveryState.FAILED, answer=text))
        session.execute(change.where(~is_last).values(answer=text))
