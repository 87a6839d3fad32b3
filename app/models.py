"""The tables. Rows decide, messages only wake: everything that a worker must do can be read from here.

Times are seconds since 1970 on the database's own clock (app.db.now).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from analysis.facts import effective
from app.db import Session, now
from app.escaping import for_database
from app.states import CheckpointState, DeliveryState, MitigationState, RunState, UnitState
from app.tenancy import ProjectScoped


class CleanText(TypeDecorator[str]):
    """Text out of hostile files and names: what no database can store becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        return None if value is None else for_database(value)


class StateText(TypeDecorator[StrEnum]):
    """A state, kept as its text and read as the enum's member."""

    impl = String(16)
    cache_ok = True

    def __init__(self, states: type[StrEnum]) -> None:
        super().__init__()
        self.states = states

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        return None if value is None else str(self.states(value))

    def process_result_value(self, value: str | None, dialect: object) -> StrEnum | None:
        return None if value is None else self.states(value)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double, str: CleanText, dict[str, Any]: JSON}


class Work:
    """A piece of work that one worker holds at a time, under a lease that it renews.

    `claim` grows with every claim, so that a worker that slept through its lease cannot write over its successor.
    `attempts` counts the claims since the last progress. `sent` counts the messages since it was last put up, and
    `resend_at` is when the sweeper takes the last of them for lost.
    """

    WAITING: ClassVar[StrEnum]
    HELD: ClassVar[StrEnum]
    TASK: ClassVar[str]

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[StrEnum]
    claim: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[float | None]
    sent: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[float] = mapped_column(default=0.0)
    resend_at: Mapped[float] = mapped_column(default=0.0)


class Project(Base):
    """Whose things they are. Project 1 is there from the start, and is everyone's who names no other."""

    __tablename__ = "projects"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    limits: Mapped[dict[str, Any]] = mapped_column(default=dict)  # app.access.quotas.Limits unlike the settings'
    created_at: Mapped[float] = mapped_column(default=now())


class Token(Base):
    """A program's key, of which only a hash is kept. Without a project it may choose one with each request."""

    __tablename__ = "tokens"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(16), unique=True)  # the part that may be seen
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the secret part, which is 256 random bits
    name: Mapped[str]
    scope: Mapped[str] = mapped_column(String(8))  # read, write, admin
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[str]
    created_at: Mapped[float] = mapped_column(default=now())
    expires_at: Mapped[float | None]
    used_at: Mapped[float | None]
    revoked_at: Mapped[float | None]


class Login(Base):
    """A browser that signed in with a token: its cookie is a key of its own, and ends with the token."""

    __tablename__ = "logins"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)  # SHA-256 of the cookie
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    master: Mapped[str | None] = mapped_column(String(64))  # without a token of ours: SHA-256 of EIGENSCOPE_TOKEN then
    created_at: Mapped[float] = mapped_column(default=now())
    expires_at: Mapped[float]


class Event(Base):
    """A line of the audit log: who did what to what. It outlives all of them."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float] = mapped_column(default=now(), index=True)
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str]
    project_id: Mapped[int | None] = mapped_column(index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Blob(Base):
    """Bytes on disk, once, under their SHA-256. The row stays where retention removed the bytes."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(default=now())
    removed_at: Mapped[float | None]


class Transfer(ProjectScoped, Base):
    """A file that arrives in pieces, or has arrived and may become part of a checkpoint. Gone once it has expired.

    How much of it is here is the length of its file among the partials; with a digest, it is whole, and a Blob.
    """

    __tablename__ = "transfers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)  # of the whole
    told: Mapped[str]  # Upload-Metadata, as its sender wrote it
    sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    created_at: Mapped[float] = mapped_column(default=now())
    expires_at: Mapped[float] = mapped_column(index=True)


class Source(Base):
    """Where a checkpoint's files are to be fetched from, with what a worker found there.

    `plan` lists the files that were chosen, and pins their versions; None before a worker has looked.
    """

    __tablename__ = "sources"

    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    url: Mapped[str]
    plan: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    fetched: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes that are here


class Checkpoint(ProjectScoped, Work, Base):
    """A stored model."""

    __tablename__ = "checkpoints"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = CheckpointState.RECEIVED, CheckpointState.INGESTING, "ingest"

    state: Mapped[CheckpointState] = mapped_column(StateText(CheckpointState), index=True)
    name: Mapped[str]
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    kind: Mapped[str | None] = mapped_column(String(32))
    format: Mapped[str | None] = mapped_column(String(32))
    bytes: Mapped[int] = mapped_column(BigInteger)
    parameters: Mapped[int | None] = mapped_column(BigInteger)
    tensors: Mapped[int | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what its files say
    stated: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")  # what people say: analysis.facts
    rewritten: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"), index=True)  # as safetensors
    pinned: Mapped[bool] = mapped_column(default=False)  # retention leaves its weights alone
    released_at: Mapped[float | None]  # when retention let its weights go: the reports stay
    created_at: Mapped[float] = mapped_column(default=now())

    files: Mapped[list["File"]] = relationship(order_by="File.position", passive_deletes=True, lazy="selectin")
    source: Mapped["Source | None"] = relationship(passive_deletes=True, lazy="selectin")

    @property
    def known(self) -> dict[str, Any]:
        """What is known about it: what people say goes before what its files say."""
        return effective(self.facts, self.stated)


class File(Base):
    """One of a checkpoint's files as it was sent. The name is what the sender called it, and never a path of ours."""

    __tablename__ = "files"

    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    bytes: Mapped[int] = mapped_column(BigInteger)


class Tensor(Base):
    """A tensor of a checkpoint: analysis.weight.TensorInfo as JSON, in file order."""

    __tablename__ = "tensors"

    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("checkpoints.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    info: Mapped[dict[str, Any]]


class Mitigation(ProjectScoped, Work, Base):
    """A mitigated checkpoint to be made of a fine-tuned one.

    It outlives what it speaks of: a checkpoint or run that is deleted leaves None.
    """

    __tablename__ = "mitigations"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = MitigationState.QUEUED, MitigationState.MAKING, "mitigate"

    state: Mapped[MitigationState] = mapped_column(StateText(MitigationState), index=True)
    name: Mapped[str]  # of the checkpoint that is made
    recipe: Mapped[dict[str, Any]]  # analysis.mitigation.Recipe
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


class Key(ProjectScoped, Base):
    """An Idempotency-Key with the answer that its first request was given, kept for a day."""

    __tablename__ = "keys"
    __table_args__ = (
        UniqueConstraint("project_id", "route", "key", name="uq_keys_route"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(String(255))  # the path that was asked
    key: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the request
    status: Mapped[int | None]
    location: Mapped[str | None]
    body: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=now(), index=True)


Listed = TypeVar("Listed", Checkpoint, Mitigation, Run)


def newest(session: Session, kind: type[Listed], limit: int, before: int | None = None) -> Sequence[Listed]:
    """At most so many rows, the newest first, of those made before the one with this id: no new row moves a page."""
    query = select(kind).order_by(kind.id.desc()).limit(limit)
    return session.scalars(query if before is None else query.where(kind.id < before)).all()
