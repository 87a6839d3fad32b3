"""Runs, their units of work and results, and what is made of them: mitigations and prescriptions."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Session, now
from app.models.base import Base, StateText, Work
from app.models.files import Checkpoint
from app.states import MitigationState, RunState, UnitState
from app.tenancy import ProjectScoped


class Mitigation(ProjectScoped, Work, Base):
    """A mitigated checkpoint to be made of a fine-tuned one.

    It outlives what it speaks of: a checkpoint or run that is deleted leaves None.
    """

    __tablename__ = "mitigations"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = MitigationState.QUEUED, MitigationState.MAKING, "mitigate"

    state: Mapped[MitigationState] = mapped_column(StateText(MitigationState), index=True)
    name: Mapped[str]  # of the checkpoint that is made
    recipe: Mapped[dict[str, Any]]  # analysis.mitigation.MitigationOptions
    base_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    tuned_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    current: Mapped[str | None]  # label of the current tensor
    report: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # analysis.mitigation.MitigationReport
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=now())
    finished_at: Mapped[float | None]


class Run(ProjectScoped, Base):
    """Diagnostics asked of an ordered list of checkpoints."""

    __tablename__ = "runs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[RunState] = mapped_column(StateText(RunState), index=True)
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    diagnostics: Mapped[dict[str, Any]]  # name -> option -> value
    device: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[float] = mapped_column(default=now())
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]

    members: Mapped[list["Member"]] = relationship(order_by="Member.position", passive_deletes=True, lazy="selectin")


class Member(Base):
    """A checkpoint's place in a run."""

    __tablename__ = "members"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), index=True)

    checkpoint: Mapped[Checkpoint] = relationship(lazy="selectin")


class Unit(Work, Base):
    """Some tensors of one checkpoint in a run, as much as one message asks for.

    Of several checkpoints, those of the base (member 0) are measured together with their partners in all others.
    `done` of its tensors have their rows.
    """

    __tablename__ = "units"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = UnitState.QUEUED, UnitState.LEASED, "analyse"

    state: Mapped[UnitState] = mapped_column(StateText(UnitState), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    member: Mapped[int]  # the checkpoint's position in the run
    tensors: Mapped[list[int]] = mapped_column(JSON)  # their positions in the checkpoint
    costs: Mapped[list[float]] = mapped_column(JSON)  # predicted, one per tensor
    done: Mapped[int] = mapped_column(default=0)
    current: Mapped[str | None]  # label of the current tensor
    reason: Mapped[str | None]


class Result(Base):
    """A measurement: one diagnostic on one weight of one group of checkpoints."""

    __tablename__ = "results"
    __table_args__ = (
        UniqueConstraint("run_id", "diagnostic", "weight_digest", "group", name="uq_results_measurement"),
        Index("ix_results_order", "run_id", "diagnostic", "group", "tensor", "ordinal"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    diagnostic: Mapped[str] = mapped_column(String(64))
    weight_digest: Mapped[str] = mapped_column(String(32))  # of its names, which may be longer than an index entry
    group: Mapped[str] = mapped_column(String(64))  # positions in the run: "0", "0,1"
    tensor: Mapped[int]  # position in the checkpoint
    ordinal: Mapped[int]  # of the weight in the tensor
    info: Mapped[dict[str, Any]]  # analysis.weight.WeightInfo
    values: Mapped[dict[str, Any]]
    note: Mapped[str | None]


class Curve(Base):
    """A curve of a result: little-endian float32."""

    __tablename__ = "curves"

    result_id: Mapped[int] = mapped_column(ForeignKey("results.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class Ping(Base):
    """A round trip through the queue: the service writes the row, a worker answers it."""

    __tablename__ = "pings"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[float] = mapped_column(default=now())
    answered_at: Mapped[float | None]
    worker: Mapped[str | None]


class Prescription(ProjectScoped, Base):
    """What a published rule says of a run's tables, with the files that other tools read, in base64."""

    __tablename__ = "prescriptions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]  # of the checkpoint in the run
    kind: Mapped[str] = mapped_column(String(64))
    record: Mapped[dict[str, Any]]  # analysis.prescriptions.prescription.Prescription
    files: Mapped[dict[str, Any]]
    created_at: Mapped[float] = mapped_column(default=now())


Listed = TypeVar("Listed", Checkpoint, Mitigation, Run)


def newest(session: Session, kind: type[Listed], limit: int, before: int | None = None) -> Sequence[Listed]:
    """At most so many rows, the newest first, of those made before the one with this id: no new row moves a page."""
    query = select(kind).order_by(kind.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(kind.id < before)).all()
