from dataclasses import replace

import pytest

from analysis.diagnostic import Table
from analysis.diagnostics.esd.diagnostic import ESD as DIAGNOSTIC_OF_ESD
from frontend.tables.panel import panel, reading, tag
from tests.frontend.examples import blocks, row, table

ESD = {"alpha": 3.0, "warning": "", "num_pl_spikes": 120, "num_evals": 384}


def test_a_panel_has_facts_and_every_number_exact() -> None:
    found = panel([blocks()], "layers.2.q")
    assert (found.name, found.label) == ("layers.2.q", "Block 2 · query")
    assert [(fact.title, fact.value, fact.small) for fact in found.facts[:2]] == [
        ("β", "7.00", "± 0.500"),
        ("± β", "0.500", ""),
    ]
    assert [fact.value for fact in found.facts if fact.title == "Shape"] == ["4 × 8"]
    ((title, everything),) = found.everything
    assert title == "Steepness"
    assert {fact.title: fact.exact for fact in everything}["β"] == "7.0"


def test_of_two_columns_of_one_name_the_first_is_read() -> None:
    def of(name: str, tail: int) -> Table:
        rows = [row("w", alpha=3.0, num_pl_spikes=tail, num_evals=384)]
        return replace(table(rows), diagnostic=replace(blocks().diagnostic, name=name))

    assert "rests on 120 of 384 eigenvalues" in panel([of("first", 120), of("second", 9)], "w").reading


def test_a_weight_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        panel([blocks()], "nothing")


@pytest.mark.parametrize(
    ("values", "css", "words"),
    [
        (ESD, "good", "✓ α in 2–6"),
        (ESD | {"alpha": 8.0, "warning": "under-trained"}, "note", "▲ α above 6"),
        (ESD | {"alpha": 1.0, "warning": "over-trained"}, "note", "▼ α below 2"),
        (ESD | {"alpha": None}, "", "no fit"),
        ({"norm": 1.0}, "", ""),
    ],
)
def test_a_tag_is_a_colour_a_sign_and_a_word(values: dict[str, object], css: str, words: str) -> None:
    assert tag(values, firm=True) == (css, words)


@pytest.mark.parametrize(("tail", "words"), [(120, "✓ α in 2–6"), (384, "weak fit"), (9, "weak fit")])
def test_a_fit_that_the_headline_leaves_out_gets_no_check_mark(tail: int, words: str) -> None:
    small = row("layers.0.q", alpha=3.0, warning="", num_pl_spikes=tail, num_evals=384, D=0.02)
    large = replace(small, weight=replace(small.weight, rows=384, columns=384))
    assert panel([Table(DIAGNOSTIC_OF_ESD, (large,))], "layers.0.q").tag[1] == words


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (ESD, "with an exponent where most trained layers have theirs"),
        (ESD, "rests on 120 of 384 eigenvalues"),
        (ESD | {"alpha": 9.0, "num_pl_spikes": 9}, "Only 9 of 384 eigenvalues carry the fit: read α as high"),
        (ESD | {"alpha": 1.2}, "A few directions carry most of the weight"),
    ],
)
def test_a_reading_says_what_and_how_sure(values: dict[str, object], words: str) -> None:
    assert words in reading(values)


def test_nothing_is_read_out_of_nothing() -> None:
    assert reading({"alpha": None}) == ""
