"""The base of all tables, the types of their columns, and what any piece of work or product has."""

from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, Double, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.db import now
from app.escaping import for_database


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


class Product(Work):
    """Work that makes something of stored checkpoints, and ends done or failed with a reason.

    `current` is the label of the tensor in hand.
    """

    DONE: ClassVar[StrEnum]
    FAILED: ClassVar[StrEnum]
    FAILURE: ClassVar[str]  # the code where every attempt failed

    current: Mapped[str | None]
    reason_code: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str | None]
    created_at: Mapped[float] = mapped_column(default=now())
    finished_at: Mapped[float | None]
