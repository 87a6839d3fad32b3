"""One plain sentence about weights, with the numbers behind it and what to do about it.

A `Cause` is what a finding says of: two findings of one cause on one weight are one. It carries what every finding of
that kind shares, so that a reader is never left with a verdict alone: what to check, what would confirm it, what to do,
when it is harmless, and where that is known from. All causes are on one page, docs/findings.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

PAGE = "docs/findings.md"


class Severity(StrEnum):
    """By consequence: bad where the weight does not do its work, warn where it may not, note where nothing is lost."""

    BAD = "bad"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Cause:
    """What a finding is about."""

    name: str  # "copy": its heading in docs/findings.md, and never another meaning
    check: str  # what to look at first
    confirm: str  # what would show that it is so
    action: str  # what to do then
    harmless: str  # when it is nothing to worry about
    source: str  # the paper or the measurement behind it

    @property
    def page(self) -> str:
        return f"{PAGE}#{self.name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One plain sentence, with the numbers behind it."""

    severity: Severity
    text: str
    why: str
    weights: tuple[str, ...] = ()
    evidence: Mapping[str, float | int | str | bool | None] = field(default_factory=dict)
    cause: Cause | None = None
    parts: tuple["Finding", ...] = ()  # of a finding on a whole block: those on its matrices
