"""What people add to a checkpoint or run to find it again: tags, notes, whether it is archived or in the trash.

`search` holds all words that a list searches, a line each, case folded, so that every database compares alike.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, event
from sqlalchemy.orm import Mapped, mapped_column


class Labelled:
    """`trashed_at` is when it was deleted by its owner: it can be restored for some days, and then goes."""

    tags: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    notes: Mapped[str] = mapped_column(default="", server_default="")
    archived_at: Mapped[float | None]
    trashed_at: Mapped[float | None] = mapped_column(index=True)
    search: Mapped[str] = mapped_column(default="", server_default="")

    @property
    def searched(self) -> list[str]:
        """The lines that a list searches, but for the tags and notes."""
        raise NotImplementedError


def search_text(lines: list[str], tags: list[str], notes: str) -> str:
    r"""The searched lines as one text, each line between two line breaks.

    >>> search_text(["Run 7", "width=384"], ["Best"], "Warm\nstart")
    '\nrun 7\nwidth=384\n#best\nwarm start\n'
    """
    all_lines = [*lines, *(f"#{tag}" for tag in tags), *([notes] if notes else [])]
    return "\n" + "".join(" ".join(line.casefold().split()) + "\n" for line in all_lines)


def fact_lines(facts: Mapping[str, Any]) -> list[str]:
    """Facts as they are searched for.

    >>> fact_lines({"width": 384.0, "optimizer": "AdamW", "use_dora": False})
    ['width=384', 'optimizer=AdamW', 'use_dora=no']
    """
    return [f"{name}={_value_text(value)}" for name, value in facts.items() if value is not None]


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


@event.listens_for(Labelled, "before_insert", propagate=True)
@event.listens_for(Labelled, "before_update", propagate=True)
def _index(mapper: object, connection: object, row: Labelled) -> None:
    row.search = search_text(row.searched, row.tags or [], row.notes or "")
