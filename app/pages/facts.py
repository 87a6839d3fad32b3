"""Facts of checkpoints as fields of a form: what is stated, what the files say, what contradicts, what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.errors import FactError
from analysis.facts import FACTS, LARGEST, Changes, Fact, facts_from_fields, find_contradictions
from app import models
from app.pages.rendering import sentence
from frontend import numbers

LONGEST = 120  # characters of a field

Fields = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Field:
    """A fact of one checkpoint. Left empty, what the files say counts."""

    name: str
    fact: str  # its name among the facts
    title: str
    value: str
    found: str  # what the files say
    against: bool  # whether that is something else
    words: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The fields of one checkpoint."""

    id: int
    name: str
    fields: tuple[Field, ...]

    @property
    def wrong(self) -> bool:
        return any(field.error for field in self.fields)

    @property
    def against(self) -> bool:
        return any(field.against for field in self.fields)


def sheet(row: models.Checkpoint, fields: Fields | None = None, prefix: str = "") -> Sheet:
    """A checkpoint's facts as they are, or as they were sent with what is wrong in them."""
    conflicts = set(find_contradictions(row.facts, row.stated))
    return Sheet(row.id, row.name, tuple(_field(fact, row, fields, prefix, conflicts) for fact in FACTS))


def changes(fields: Fields, prefix: str = "") -> Changes:
    """The facts that a form brings; an empty field takes its fact back. Raises FactError."""
    names = {fact.name: f"{prefix}{fact.name}" for fact in FACTS}
    return facts_from_fields({fact: fields[name][0] for fact, name in names.items() if name in fields})


def _field(fact: Fact, row: models.Checkpoint, fields: Fields | None, prefix: str, against: set[str]) -> Field:
    name, file_value = f"{prefix}{fact.name}", row.facts.get(fact.name)
    value, error = _format_typed(row.stated.get(fact.name)), ""
    if fields is not None and name in fields:
        value = fields[name][0]
        try:
            facts_from_fields({fact.name: value})
        except FactError as wrong:
            error = sentence(wrong.message)
    file_text = "" if file_value is None else _format_typed(file_value)
    return Field(name, fact.name, fact.title, value, file_text, fact.name in against, fact.words, error)


def _format_typed(value: object) -> str:
    """A value as one types it.

    >>> _format_typed(0.0001), _format_typed(64.0), _format_typed(20000.0), _format_typed("AdamW"), _format_typed(None)
    ('0.0001', '64', '20000', 'AdamW', '')
    """
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def facts_in_words(row: models.Checkpoint) -> list[tuple[str, str, str]]:
    """What is known about it, in words, and what the files say where that is something else."""
    conflicts = set(find_contradictions(row.facts, row.stated))
    return [
        (name.replace("_", " "), fact(value), fact(row.facts[name]) if name in conflicts else "")
        for name, value in row.known.items()
    ]


def fact(value: object) -> str:
    """Numbers in full, other things as they are written there."""
    if isinstance(value, float) and abs(value) < LARGEST:
        return numbers.setting(value, 6)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else numbers.short(value, 6)
