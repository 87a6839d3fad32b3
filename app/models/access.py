"""Projects, tokens, sign-ins, the audit log, and answers kept for repeated requests."""

from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import now
from app.models.base import Base
from app.tenancy import ProjectScoped


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
