"""The table of exponents, at known laws."""

from analysis.width_scaling.family import family, scaling
from app.pages.views.width_scaling.exponents import AGREES, OVERALL, ExponentsView
from tests.families import settings, table


def exponents(rule: str, widths: tuple[float, ...] = (16.0, 24.0, 32.0, 48.0)) -> ExponentsView:
    members = family(table(settings(rule, widths)))
    assert members is not None
    return ExponentsView(scaling(members))


def test_every_kind_and_all_matrices() -> None:
    lines = exponents("λ constant").lines
    assert lines[-1].title == OVERALL
    assert lines[-1].look is None
    assert {(line.exponent, line.drift, line.reading) for line in lines if line.of_law and line.look} == {
        ("0.75", "+0.25", AGREES)
    }


def test_the_law_is_in_the_middle_of_the_track() -> None:
    band = exponents("λ ∝ √d").lines[-1].band
    assert band is not None
    assert band.low <= band.dot <= band.high
    assert abs(band.dot - 66.0) < 1.0


def test_two_widths_have_no_exponent() -> None:
    assert {line.exponent for line in exponents("λ constant", (16.0, 24.0)).lines} == {"–"}
