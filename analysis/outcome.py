"""How a check went: what a policy's rules and the law of width scaling share, with a sign for each text medium."""

from enum import StrEnum


class Outcome(StrEnum):
    """From best to worst."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    INSUFFICIENT = "insufficient"
    FAIL = "fail"

    @property
    def symbol(self) -> str:
        """One letter, for a cell of a table.

        >>> Outcome.PASS.symbol, Outcome("fail").symbol
        ('✓', '✕')
        """
        return {"pass": "✓", "warn": "!", "insufficient": "?", "fail": "✕"}[self]

    @property
    def emoji(self) -> str:
        """For Markdown."""
        return {"pass": "✅", "warn": "⚠️", "insufficient": "❔", "fail": "❌"}[self]

    @property
    def color(self) -> str:
        """A color's name, as a terminal has it."""
        return {"pass": "green", "warn": "yellow", "insufficient": "yellow", "fail": "red"}[self]
