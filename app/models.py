"""The tables. Rows decide, messages only wake: everything that a worker must do can be read from here.

Times are seconds since 1970 on the database's own clock (app.db.now).
"""

import re
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from analysis.facts import effective
from app.db import now

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL's text holds no NUL, and UTF-8 no lone surrogate


class CleanText(TypeDecorator[str]):
    """Text out of hostile files and names: what no database can store becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        return None if value is None else UNSTORABLE.sub("\ufffd", value)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {float: Double, str: CleanText, dict[str, Any]: JSON}


class Work:
    """A piece of work that one worker holds at a time, under a lease that it renews.

    `claim` grows with every claim, so that a worker that slept through its lease cannot write over its successor.
    `attempts` counts the claims since the last progress. `sent` counts the messages since it was last put up, and
    `resend_at` is when the sweeper takes the last of them for lost.
    """

    WAITING: ClassVar[str]
    HELD: ClassVar[str]
    TASK: ClassVar[str]

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    claim: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[float | None]
    sent: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[float] = mapped_column(default=0.0)
    resend_at: Mapped[float] = mapped_column(default=0.0)


class Blob(Base):
    """Bytes on disk, once, under their SHA-256."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(default=now())


class Checkpoint(Work, Base):
    """A stored model. States: received, ingesting, ready, rejected."""

    __tablename__ = "checkpoints"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = "received", "ingesting", "ingest"

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
    created_at: Mapped[float] = mapped_column(default=now())

    files: Mapped[list["File"]] = relationship(order_by="File.position", passive_deletes=True, lazy="selectin")

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


class Mitigation(Work, Base):
    """A mended checkpoint to be made of a tuned one. States: queued, making, done, failed.

    It outlives what it speaks of: a checkpoint or run that is deleted leaves None.
    """

    __tablename__ = "mitigations"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = "queued", "making", "mend"

    name: Mapped[str]  # of the checkpoint that is made
    recipe: Mapped[dict[str, Any]]  # analysis.mitigation.Recipe
    base_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    tuned_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    checkpoint_id: Mapped[int | None] = mapped_column(ForeignKey("checkpoints.id", ondelete="SET NULL"), index=True)
    run_id: Mapped[int | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    current: Mapped[str | None]  # label of the tensor in hand
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # analysis.mitigation.Mended
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=now())
    finished_at: Mapped[float | None]


class Run(Base):
    """Diagnostics asked of an ordered list of checkpoints. States: waiting, running, done, cancelled, failed."""

    __tablename__ = "runs"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
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
    States: queued, leased, done, failed, cancelled. `done` of its tensors have their rows.
    """

    __tablename__ = "units"
    __table_args__ = ({"sqlite_autoincrement": True},)
    WAITING, HELD, TASK = "queued", "leased", "analyse"

    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    member: Mapped[int]  # the checkpoint's position in the run
    tensors: Mapped[list[int]] = mapped_column(JSON)  # their positions in the checkpoint
    costs: Mapped[list[float]] = mapped_column(JSON)  # predicted, one per tensor
    done: Mapped[int] = mapped_column(default=0)
    current: Mapped[str | None]  # label of the tensor in hand
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
