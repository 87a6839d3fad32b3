"""Runs, their units of work and results, and what is made of them: mitigations and prescriptions."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import JSON, BigInteger, ColumnElement, ForeignKey, Index, LargeBinary, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db import Session, now
from app.models.base import Base, Product, StateText, Work
from app.models.files import Checkpoint
from app.models.labels import Labelled
from app.states import CheckState, MitigationState, PrescriptionState, RunState, UnitState
from app.tenancy import ProjectScoped


class Mitigation(ProjectScoped, Product, Base):
    """A mitigated checkpoint to be made of a fine-tuned one.

    It outlives what it speaks of: a checkpoint or run that is deleted leaves None.
    """

    __tablename__ = "mitigations"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = MitigationState.QUEUED, MitigationState.MAKING, "mitigate"
    DONE, FAILED, FAILURE = MitigationState.DONE, MitigationState.FAILED, "mitigation-failed"

    state: Mapped[MitigationState] = mapped_column(StateText(MitigationState), index=True)
    name: Mapped[str]  # of the checkpoint that is made
    recipe: Mapped[dict[str, Any]]  # analysis.mitigation.MitigationOptions
    base_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    tuned_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    report: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True)
    )  # analysis.mitigation.MitigationReport


class Run(ProjectScoped, Labelled, Base):
    """Diagnostics asked of an ordered list of checkpoints.

    `summarise_at` is when a worker is asked for its overviews; None once they are made.
    """

    __tablename__ = "runs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[RunState] = mapped_column(StateText(RunState), index=True)
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    name: Mapped[str | None]  # where people gave it one; else it goes by its checkpoints' names
    diagnostics: Mapped[dict[str, Any]]  # name -> option -> value
    device: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[float] = mapped_column(default=now())
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]
    summarise_at: Mapped[float | None] = mapped_column(default=0.0, server_default="0", index=True)

    members: Mapped[list["Member"]] = relationship(order_by="Member.position", passive_deletes=True, lazy="selectin")

    @property
    def searched(self) -> list[str]:
        return [*filter(None, (self.name,)), *(self.diagnostics or {})]


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
        Index("ix_results_weight", "weight_digest", "diagnostic"),
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


class Overview(Base):
    """What a list tells of one checkpoint in an ended run: app.runs.overviews.

    `cells` are [role, block, value] of the main column, for the small picture of the model.
    """

    __tablename__ = "overviews"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), index=True)
    headline: Mapped[str]
    median_alpha: Mapped[float | None]
    usual: Mapped[int | None]
    fitted: Mapped[int | None]
    intruders: Mapped[int | None]
    severity: Mapped[int]  # of the worst finding: 0 none, 1 note, 2 warning, 3 problem
    finding: Mapped[str | None]  # the worst
    findings: Mapped[int]
    cells: Mapped[list[Any]] = mapped_column(JSON)


class KeptResult(ProjectScoped, Base):
    """What was measured on a tensor, for later runs of the project on the same one: an entry of analysis.engine.kept.

    It may go at any time: the rows of runs are copies of it, and the truth.
    """

    __tablename__ = "kept_results"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)  # of the project's, a digest of all that decides it
    project_id: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    bytes: Mapped[int]
    used_at: Mapped[float] = mapped_column(default=now(), index=True)


class Ping(Base):
    """A round trip through the queue: the service writes the row, a worker answers it."""

    __tablename__ = "pings"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    sent_at: Mapped[float] = mapped_column(default=now())
    answered_at: Mapped[float | None]
    worker: Mapped[str | None]


class Prescription(ProjectScoped, Product, Base):
    """What a published rule says of some of a run's checkpoints, with the files that other tools read.

    Out of the run's tables it is done at once, and its files lie in the row, in base64. Out of the weights a worker
    makes it, and its files are stored as blobs.
    """

    __tablename__ = "prescriptions"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = PrescriptionState.QUEUED, PrescriptionState.RUNNING, "prescribe"
    DONE, FAILED, FAILURE = PrescriptionState.DONE, PrescriptionState.FAILED, "prescription-failed"

    state: Mapped[PrescriptionState] = mapped_column(StateText(PrescriptionState), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]  # of the last of its checkpoints in the run
    positions: Mapped[list[int]] = mapped_column(JSON)  # of all of them, in the order that the rule takes them
    kind: Mapped[str] = mapped_column(String(64))
    options: Mapped[dict[str, Any]]  # every option of the rule, by name
    record: Mapped[dict[str, Any]]  # analysis.prescriptions.prescription.Prescription; empty before it is done
    files: Mapped[dict[str, Any]]

    stored: Mapped[list["PrescriptionFile"]] = relationship(
        order_by="PrescriptionFile.position", passive_deletes=True, lazy="selectin"
    )


class Check(ProjectScoped, Product, Base):
    """One weight of a run that WeightWatcher measures too, in a worker: analysis.diagnostics.reference."""

    __tablename__ = "checks"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = CheckState.QUEUED, CheckState.RUNNING, "check"
    DONE, FAILED, FAILURE = CheckState.DONE, CheckState.FAILED, "check-failed"

    state: Mapped[CheckState] = mapped_column(StateText(CheckState), index=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]  # of the checkpoint in the run
    weight: Mapped[str]
    tensor: Mapped[str]  # that holds it
    version: Mapped[str | None]  # of WeightWatcher
    columns: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # analysis.diagnostics.reference.Compared


class PrescriptionFile(Base):
    """A file that a worker made for a prescription."""

    __tablename__ = "prescription_files"

    prescription_id: Mapped[int] = mapped_column(ForeignKey("prescriptions.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]  # its path in the prescription's folder
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)


Listed = TypeVar("Listed", Checkpoint, Mitigation, Run)


def newest(
    session: Session, kind: type[Listed], limit: int, before: int | None = None, *conditions: ColumnElement[bool]
) -> Sequence[Listed]:
    """At most so many rows, the newest first, of those made before the one with this id: no new row moves a page."""
    query = select(kind).where(*conditions).order_by(kind.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(kind.id < before)).all()
