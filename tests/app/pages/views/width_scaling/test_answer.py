"""The answer on a family, at known laws."""

from dataclasses import replace

import pytest

from analysis.diagnostic import Finding, Severity, Summary
from analysis.width_scaling.family import family, scaling
from analysis.width_scaling.trajectory import trajectory
from app.pages.views.width_scaling.answer import AnswerView
from tests.families import settings, table

SUMMARY = Summary("The law holds.", {})


def answer(rule: str) -> AnswerView:
    members = family(table(settings(rule)))
    assert members is not None
    return AnswerView(SUMMARY, scaling(members), trajectory(members))


@pytest.mark.parametrize(("rule", "word", "factor"), [("λ ∝ √d", "Yes.", "1.00"), ("both constant", "No.", "2.28")])
def test_a_word_and_the_change(rule: str, word: str, factor: str) -> None:
    assert answer(rule).words == (
        word,
        f"From width 16 to 48 σ₁ of the matrices changes by a factor of {factor}. The law holds.",
    )


@pytest.mark.parametrize(
    ("rule", "severity", "word"),
    [
        ("λ ∝ √d", Severity.BAD, "Not for every matrix."),
        ("λ ∝ √d", Severity.WARN, "Yes."),
        ("both constant", Severity.BAD, "No."),
    ],
)
def test_a_kind_of_matrix_that_fails_is_not_outweighed(rule: str, severity: Severity, word: str) -> None:
    found = answer(rule)
    found.summary = replace(SUMMARY, findings=(Finding(severity, "σ₁ drifts", ""),))
    assert found.words[0] == word


def test_key_numbers() -> None:
    kpis = {kpi.title: (kpi.value, kpi.small) for kpi in answer("λ constant").kpis}
    assert kpis["exponent of d, law says 0.75"][0] == "0.75"
    assert kpis["drift of σ₁, rule says 0"][0] == "+0.25"
    assert kpis["kinds of matrix agree"] == ("7", "of 7")
