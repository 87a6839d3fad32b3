"""Bytes on disk, the uploads on their way there, and the checkpoints that they make up."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from analysis.facts import effective
from app.db import now
from app.models.base import Base, StateText, Work
from app.models.labels import Labelled, fact_lines
from app.states import CheckpointState
from app.tenancy import ProjectScoped


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


class Checkpoint(ProjectScoped, Labelled, Work, Base):
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
    part: Mapped[str | None]  # the prefix of a copy in its files (ema, teacher), where it is that and not the weights
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

    @property
    def searched(self) -> list[str]:
        words = (self.name, self.kind, self.format)
        return [*filter(None, words), *fact_lines(effective(self.facts or {}, self.stated or {}))]


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
