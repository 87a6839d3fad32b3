"""Webhooks: a delivery is waiting until somebody sends it, and is gone with its webhook."""

from sqlalchemy import select

from app.models.gate import Delivery, Webhook
from app.models.runs import Run
from app.states import DeliveryState
from tests.service import Service


def test_a_delivery_waits_and_is_gone_with_its_webhook(service: Service) -> None:
    with service.database.writing() as session:
        run = Run(state="running", diagnostics={})
        webhook = Webhook(url="https://ci.example/hook", secret="whsec_1")
        session.add_all([run, webhook])
        session.flush()
        session.add(Delivery(webhook_id=webhook.id, run_id=run.id))
    with service.database.reading() as session:
        assert session.scalars(select(Delivery.state)).all() == [DeliveryState.WAITING]
    with service.database.writing() as session:
        session.delete(session.scalars(select(Webhook)).one())
    with service.database.reading() as session:
        assert session.scalars(select(Delivery.id)).all() == []
