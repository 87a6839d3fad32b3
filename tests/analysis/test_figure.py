"""The records of figures: a typing error fails where it is made, and each kind has one record."""

from typing import get_args

import pytest

from analysis.figure import ByDepth, Density, Figure, FigureKind, Line, Match, Plot, Ranks, Spectra


def test_each_kind_has_one_record() -> None:
    assert sorted(plot.kind for plot in get_args(Plot)) == sorted(FigureKind)


def test_a_part_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="hollo"):
        ByDepth(y="alpha", hollo="weak")  # type: ignore[call-arg]  # the error that is looked for
    with pytest.raises(TypeError, match="values"):
        Density(xmin="xmin")  # type: ignore[call-arg]  # as above


def test_parts_are_those_that_are_given() -> None:
    figure = Figure("f", "F", "", Line(x="a", y="b", y0="c"))
    assert (figure.kind, figure.parts) == (FigureKind.LINE, {"x": "a", "y": "b", "y0": "c"})


def test_figures_of_one_weight() -> None:
    of_one = (Density(values="a"), Line(x="a", y="b"), Match(z="a", best="b", k="c", epsilon="d"))
    assert all(Figure("f", "", "", plot).per_weight for plot in (*of_one, Ranks(y="a"), Spectra(values="a")))
    assert not Figure("f", "", "", ByDepth(y="a")).per_weight
