"""Every term that the pages explain, in groups: the words of reports, then the columns of each diagnostic."""

from collections.abc import Iterator
from dataclasses import dataclass

from analysis.diagnostics import DIAGNOSTICS
from analysis.facts import FACTS
from analysis.glossary.term import Term, term_of_column, term_of_fact
from analysis.glossary.words import REPORT, WIDTHS


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that belong together, with the caveat and the source that most of them share."""

    title: str
    terms: tuple[Term, ...]
    caveat: str = ""
    source: str = ""


def _groups() -> Iterator[Group]:
    yield Group("Words of a report", REPORT)
    yield Group("Width scaling", WIDTHS)
    yield Group("Facts of a checkpoint", tuple(map(term_of_fact, FACTS)))
    for known in DIAGNOSTICS:
        terms = tuple(term_of_column(known, column) for column in known.columns)
        yield Group(f"{known.title} ({known.name})", terms, known.caveat, known.reference)


GROUPS: tuple[Group, ...] = tuple(_groups())
TERMS = {term.name: term for group in GROUPS for term in group.terms}
