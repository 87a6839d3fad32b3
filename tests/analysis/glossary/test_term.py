from analysis.diagnostic import Column
from analysis.diagnostics import diagnostic
from analysis.facts import FACTS
from analysis.glossary.term import term_of_column, term_of_fact, usual_range


def test_the_range_is_said_with_its_place() -> None:
    alpha = diagnostic("esd").column("alpha")
    assert usual_range(alpha) == "2 to 6, in published well-trained models (KS)."
    assert usual_range(diagnostic("norms").column("rank_loss")) == "0."


def test_an_unknown_range_is_said_to_be_unknown() -> None:
    assert usual_range(Column("x", "x", "High: large.")) == "No usual range is known."
    assert usual_range(Column("x", "x", "A word.", kind="text")) == "It has none: it is a word."
    assert usual_range(Column("x", "x", "A count.", kind="integer", usual_words="0.")) == "0."


def test_what_a_column_leaves_out_is_its_diagnostics() -> None:
    esd = diagnostic("esd")
    alpha, xmin = (term_of_column(esd, esd.column(name)) for name in ("alpha", "xmin"))
    assert xmin.source == esd.reference
    assert xmin.caveat == alpha.caveat == esd.caveat
    assert alpha.source.startswith("Martin and Mahoney, JMLR 22, 2021;")
    assert alpha.name == "esd.alpha"


def test_a_fact_is_a_term() -> None:
    assert term_of_fact(FACTS[0]).name == "fact.width"
