"""Verdicts on runs, and the webhooks that hear of them."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import now
from app.models.base import Base, StateText
from app.states import DeliveryState
from app.tenancy import ProjectScoped


class Verdict(ProjectScoped, Base):
    """What a policy says of a run. `result` is None until the run has ended; the same rows always give the same.

    The policy is kept as it was sent and as it was understood, the baseline as far as the policy looks at it, so that
    a verdict can be made again when the baseline's run is gone.
    """

    __tablename__ = "verdicts"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    baseline_run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    source: Mapped[str]
    policy: Mapped[dict[str, Any]]  # analysis.gate.policy.Policy
    # analysis.gate.baseline.distil, or why there is none
    baseline: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # analysis.gate.verdict.Verdict
    asks: Mapped[int] = mapped_column(default=0)  # how often the sweeper asked a worker for it, and when it does next
    ask_at: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[float] = mapped_column(default=now())
    judged_at: Mapped[float | None]


class Webhook(ProjectScoped, Base):
    """An address that hears when runs end: one run, or every run where `run_id` is None."""

    __tablename__ = "webhooks"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    url: Mapped[str]
    secret: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[float] = mapped_column(default=now())


class Delivery(ProjectScoped, Base):
    """What a webhook is to be told of a run. States: waiting (for the run's end), sent, failed."""

    __tablename__ = "deliveries"
    __table_args__ = (
        UniqueConstraint("webhook_id", "run_id", name="uq_deliveries_run"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    state: Mapped[DeliveryState] = mapped_column(StateText(DeliveryState), default=DeliveryState.WAITING, index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[float] = mapped_column(default=0.0)
    answer: Mapped[str | None]  # of the last attempt: a status, or why there was none
    created_at: Mapped[float] = mapped_column(default=now())
    sent_at: Mapped[float | None]

    webhook: Mapped[Webhook] = relationship(lazy="joined", innerjoin=True)
