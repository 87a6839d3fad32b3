"""What a term is: a column or another word of a report with its meaning, and when to trust it."""

from dataclasses import dataclass

from analysis.diagnostic import Column, Diagnostic
from analysis.facts import Fact

NO_RANGE = {
    "text": "It has none: it is a word.",
    "flag": "It has none: it is yes or no.",
    "curve": "It has none: it is a curve.",
}


@dataclass(frozen=True, slots=True)
class Term:
    """One entry of the glossary. A part that is not known, or does not apply, is empty."""

    name: str  # "esd.alpha" of a column, "fact.width" of a fact, "firm_fit" of another word
    title: str
    meaning: str
    usual: str = ""
    caveat: str = ""
    source: str = ""
    absent: str = ""  # when there is no value
    unit: str = ""


def term_of_column(diagnostic: Diagnostic, column: Column) -> Term:
    """A column's entry; what the column leaves out is its diagnostic's."""
    return Term(
        name=f"{diagnostic.name}.{column.name}",
        title=column.title,
        meaning=column.meaning,
        usual=usual_range(column),
        caveat=column.caveat or diagnostic.caveat,
        source=column.source or diagnostic.reference,
        absent=column.absent,
        unit=column.unit,
    )


def term_of_fact(fact: Fact) -> Term:
    return Term(f"fact.{fact.name}", fact.title, fact.meaning, source="docs/scaling.md")


def usual_range(column: Column) -> str:
    """The usual range in words, or that none is known."""
    if column.usual is not None:
        low, high = column.usual
        place = f", {column.usual_in}" if column.usual_in else ""
        return (f"{low:g}" if low == high else f"{low:g} to {high:g}") + f"{place}."
    return column.usual_words or NO_RANGE.get(column.kind, "No usual range is known.")
