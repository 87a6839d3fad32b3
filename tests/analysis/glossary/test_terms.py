"""Every column and fact has its entry, and every entry of a column says all that a reader needs to trust it."""

from pathlib import Path

import pytest

from analysis.diagnostics import DIAGNOSTICS
from analysis.facts import FACTS
from analysis.glossary.term import Term
from analysis.glossary.terms import GROUPS, TERMS

ROOT = Path(__file__).parents[3]
OF_COLUMNS = [f"{known.name}.{column.name}" for known in DIAGNOSTICS for column in known.columns]


def test_every_column_and_fact_has_an_entry() -> None:
    assert set(OF_COLUMNS) <= set(TERMS)
    assert {f"fact.{fact.name}" for fact in FACTS} <= set(TERMS)


def test_names_are_unique() -> None:
    assert len(TERMS) == sum(len(group.terms) for group in GROUPS)


@pytest.mark.parametrize("name", OF_COLUMNS)
def test_a_column_has_its_range_its_caveat_and_its_source(name: str) -> None:
    term = TERMS[name]
    assert term.meaning
    assert term.usual.endswith(".")
    assert term.caveat.endswith(".")
    assert term.source


@pytest.mark.parametrize("term", TERMS.values(), ids=lambda term: term.name)
def test_the_pages_it_names_exist(term: Term) -> None:
    words = f"{term.meaning} {term.caveat} {term.source}".replace("(", " ").replace(")", " ").split()
    for word in [word.rstrip(".,;") for word in words if word.startswith(("docs/", "benchmarks/"))]:
        assert (ROOT / word).exists(), word
