from analysis.diagnostic import Finding, Severity, Summary
from frontend.verdict import kpis, verdict

NUMBERS = {"median_readable": 3.55, "usual": 32, "readable": 34, "fitted": 39, "left_out": 5}


def test_the_first_sentence_is_the_answer() -> None:
    found = verdict({"esd": Summary("Two are apart. 34 of 39 are alike.", NUMBERS)})
    assert (found.strong, found.rest) == ("Two are apart.", "34 of 39 are alike.")
    assert verdict({"esd": Summary("No matrix has a tail to fit.", {})}).strong == "No matrix has a tail to fit."
    assert verdict({}).strong == ""


def test_the_entries_lead() -> None:
    found = verdict({"esd": Summary("The median is 3.6. More.", {}), "entries": Summary("Untrained: all of it.", {})})
    assert (found.strong, found.rest) == ("Untrained: all of it.", "The median is 3.6. More.")
    assert verdict({"entries": Summary("No fault found.", {})}).strong == "No fault found."


def test_key_numbers_carry_what_they_are_part_of() -> None:
    assert [(kpi.value, kpi.small) for kpi in kpis({"esd": Summary("", NUMBERS)})] == [
        ("3.55", ""),
        ("32", "of 34"),
        ("5", "of 39"),
    ]


def test_an_unknown_diagnostic_shows_its_first_numbers() -> None:
    assert [(kpi.title, kpi.value) for kpi in kpis({"other": Summary("", {"mean_width": 2.0})})] == [
        ("mean width", "2.00")
    ]
    assert kpis({}) == ()


def test_findings_come_worst_first() -> None:
    note, bad = Finding(Severity.NOTE, "n", ""), Finding(Severity.BAD, "b", "")
    assert verdict({"a": Summary("A.", {}, (note,)), "b": Summary("B.", {}, (bad,))}).findings == (bad, note)


def test_no_sentence_denies_the_first_finding() -> None:
    """A warning of which the entries know nothing leads; one of theirs is in their own headline."""
    bad, note = Finding(Severity.BAD, "Pooler is all zeros", ""), Finding(Severity.NOTE, "n", "")
    clean = Summary("No fault found in the entries of 3 matrices.", {}, (note,))
    found = verdict({"entries": clean, "norms": Summary("3 matrices measured.", {}, (bad,))})
    assert found.strong == "Pooler is all zeros."
    assert found.rest.startswith("No fault found in the entries")
    assert verdict({"entries": clean, "norms": Summary("M.", {}, (note,))}).strong == clean.headline
    own = Summary("1 of 3 matrices has a fault in its entries.", {}, (bad,))
    assert verdict({"entries": own, "norms": Summary("M.", {})}).strong == own.headline
