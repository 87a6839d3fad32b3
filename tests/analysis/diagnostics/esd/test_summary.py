"""Sentences that a table of exponents gives."""

import pytest

from analysis.diagnostic import Finding, Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.esd.diagnostic import ESD
from analysis.diagnostics.esd.summary import summarise, verdict
from analysis.names import depth_of, label_of, role_of
from analysis.weight import WeightInfo


def row(
    name: str,
    alpha: float | None,
    tail: float = 40,
    note: str | None = None,
    evals: float = 400,
    D: float = 0.04,
    size: float = 400,
) -> Row:
    info = WeightInfo(name, name, int(size), int(size), 1, role_of(name), depth_of(name))
    assert label_of(name, info.role, info.depth) == info.label
    values: dict[str, Scalar] = {"alpha": alpha, "num_pl_spikes": tail, "num_evals": evals, "D": D}
    if alpha is not None:
        sigma = (alpha - 1.0) / tail**0.5
        values |= {"sigma": sigma, "low_confidence": tail < 20, "warning": verdict(alpha)}
    return Row(info, (0,), Measurement(values, note=note))


def q(depth: int, alpha: float | None, tail: float = 40, evals: float = 400, D: float = 0.04, size: float = 400) -> Row:
    name = f"encoder.layer.{depth}.attention.self.query.weight"
    return row(name, alpha, tail, None, evals, D, size)


def findings(*rows: Row) -> list[Finding]:
    return list(summarise(Table(ESD, rows)).findings)


@pytest.mark.parametrize(
    ("alpha", "said"),
    [(1.99, "over-trained"), (2.0, ""), (6.0, ""), (6.01, "under-trained")],
)
def test_verdict_is_weightwatchers(alpha: float, said: str) -> None:
    assert verdict(alpha) == said


def test_the_headline_says_where_the_exponents_lie_and_no_more() -> None:
    summary = summarise(Table(ESD, tuple(q(d, 3.0 + d) for d in range(3))))
    assert summary.headline == (
        "3 of 3 firm fits have an α (KS) between 2 and 6; the median is 4.0. Compare α within one role, shape and "
        "recipe only (docs/evidence.md)."
    )
    assert summary.findings == ()
    assert summary.numbers["median_alpha"] == summary.numbers["mean_alpha"] == 4.0
    assert summary.numbers["sd_alpha"] == pytest.approx(1.0)
    assert summary.numbers["share_usual"] == 1.0


WEAK = [
    {"tail": 19},  # too few eigenvalues in the tail
    {"evals": 90},  # the tail is more than half of the spectrum
    {"D": 0.2},  # it is no power law
    {"size": 64},  # noise of that size is above 6 in 23 of 100
]


@pytest.mark.parametrize("weak", WEAK)
def test_weak_fits_are_not_counted_and_the_headline_says_how_many(weak: dict[str, float]) -> None:
    weak_fit = q(4, 4.0, **{"tail": 60, **weak})
    summary = summarise(Table(ESD, (*(q(d, alpha) for d, alpha in enumerate((3.0, 5.0, 12.0))), weak_fit)))
    assert summary.headline == (
        "2 of 3 firm fits have an α (KS) between 2 and 6; the median is 5.0. 1 weak fit is left out. Compare α within "
        "one role, shape and recipe only (docs/evidence.md)."
    )
    counts = {key: summary.numbers[key] for key in ("fitted", "readable", "left_out", "usual", "median_readable")}
    assert counts == {"fitted": 4, "readable": 3, "left_out": 1, "usual": 2, "median_readable": 5.0}


@pytest.mark.parametrize("weak", WEAK)
@pytest.mark.parametrize(("count", "subject"), [(1, "The one tail fit is not"), (6, "None of 6 tail fits is")])
def test_no_exponent_is_given_where_all_fits_are_weak(weak: dict[str, float], count: int, subject: str) -> None:
    summary = summarise(Table(ESD, tuple(q(d, 4.0, **{"tail": 60, **weak}) for d in range(count))))
    assert summary.headline.startswith(f"{subject} firm enough to read an α from: small matrices")
    assert summary.numbers["share_usual"] is summary.numbers["median_readable"] is None


def test_one_firm_fit_of_several() -> None:
    summary = summarise(Table(ESD, (q(0, 1.9996), q(1, 4.0, D=0.3))))
    assert summary.headline.startswith("The one firm fit has α (KS) 1.9996. 1 weak fit is left out.")


def test_firm_exponents_outside_are_notes() -> None:
    thin, heavy = findings(*(q(d, 12.0 + d, tail=60) for d in range(5)), q(5, 1.4, tail=60))
    assert (thin.severity, thin.text) == (Severity.NOTE, "α (KS) is above 6 in 5 matrices")
    assert thin.why.startswith("block 4 · query 16.0, block 3 · query 15.0 and block 2 · query 14.0, and 2 more. ")
    assert (heavy.severity, heavy.text) == (Severity.NOTE, "α (KS) is below 2 in 1 matrix")
    assert heavy.cause is not None
    assert "no evidence" in heavy.cause.action


@pytest.mark.parametrize("weak", WEAK)
def test_nothing_is_said_of_an_exponent_that_is_not_firm(weak: dict[str, float]) -> None:
    assert not [f for f in findings(q(0, 12.4, **{"tail": 60, **weak})) if "above 6" in f.text]


FALSE = ("under-trained", "over-trained", "trained", "healthy tail", "very heavy tail", "memoris")


@pytest.mark.parametrize("alpha", [0.5, 1.2, 1.9, 2.1, 5.9, 6.1, 9.0, 40.0])
@pytest.mark.parametrize("tail", [8, 30, 300])
def test_the_false_sentences_are_gone(alpha: float, tail: int) -> None:
    """As over-trained, said of 90 of 92 matrices of language models whose training loss equals their test loss."""
    summary = summarise(Table(ESD, tuple(q(d, 1.0 + alpha, tail=tail) for d in range(6))))
    for text in (summary.headline, *(finding.text for finding in summary.findings)):
        assert not [words for words in FALSE if words in text.lower()]
    assert {finding.severity for finding in summary.findings} <= {Severity.NOTE}


def test_what_has_no_fit_is_said_with_its_reason() -> None:
    (found,) = findings(row("head.weight", None, note="2 eigenvalues; a tail needs 8"))
    assert found.text == "1 matrix has no tail fit"
    assert found.why == "Output head: 2 eigenvalues; a tail needs 8."
    summary = summarise(Table(ESD, (row("head.weight", None, note="x"),)))
    assert summary.headline == "No matrix has a tail to fit."
    assert summary.numbers["median_alpha"] is None


def test_an_empty_table() -> None:
    assert summarise(Table(ESD, ())).headline == "No matrix has a tail to fit."
