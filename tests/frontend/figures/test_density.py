"""Densities: that they integrate to what they show, and that tail, law and cut stand where the row says."""

import numpy as np
import pytest

from frontend.figures.density import Density, density
from frontend.figures.draw import draw
from tests.frontend.examples import BULK, FIGURES, power_law, row, table
from tests.frontend.figures.test_draw import accepted

DENSITY = FIGURES[0]


def test_a_density_integrates_to_the_share_it_shows() -> None:
    found = density(DENSITY, power_law(), "w", 0)
    assert isinstance(found, Density)
    area = sum(height * width for height, width in zip(found.heights, found.widths, strict=True))
    assert area == pytest.approx(sum(found.counts) / found.total)
    assert found.total == 1000
    assert all(found.strong)


def test_only_what_lies_above_xmin_is_tail() -> None:
    curves = power_law().rows[0].measurement.curves
    found = density(DENSITY, table([row("w", steepness=3.0, curves=curves, start=2.0)]), "w", 0)
    assert isinstance(found, Density)
    assert found.strong == [middle >= 2 * 10 ** (-found.step / 2) for middle in found.middles]
    assert found.fit is not None
    # a quarter of the law lies above 2: p(2) = 1/4 · (3 - 1)/2
    assert found.fit[1][0] == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("sizes", [[], [1.0], [2.0, 2.0, 2.0], [0.0, 0.0]])
def test_a_density_needs_different_values(sizes: list[float]) -> None:
    found = density(DENSITY, table([row("w", curves={"sizes": np.array(sizes, np.float32)})]), "w", 0)
    assert isinstance(found, str)


def test_a_density_shows_the_tail_and_its_law() -> None:
    drawn = draw(DENSITY, power_law(), "w")
    accepted(drawn)
    bars, fit = drawn["data"]
    assert sum(bars["customdata"]) == 970  # the smallest 3 percent are left out of the picture
    for x, y, count in zip(bars["x"], bars["y"], bars["customdata"], strict=True):
        if count >= 20:
            assert y == pytest.approx(2 * x**-3, rel=0.15)
    (x0, _), (y0, y1) = fit["x"], fit["y"]
    assert (x0, y0) == pytest.approx((1.0, 2.0))
    assert y1 == pytest.approx(2 * fit["x"][1] ** -3)
    assert drawn["layout"]["xaxis"]["title"]["text"] == "size"
    assert drawn["layout"]["annotations"][0]["text"] == "tail from 1.00, slope −3.00"
    assert set(bars["marker"]["color"]) == {"var(--accent) / 85%"}  # all of it lies in the tail


def test_a_density_without_a_fit_is_bars_alone() -> None:
    found = power_law().rows[0]
    drawn = draw(DENSITY, table([row("w", curves=found.measurement.curves)]), "w")
    assert [trace["type"] for trace in drawn["data"]] == ["bar"]


def noise() -> dict[str, np.ndarray]:
    """Sizes spread evenly over 1 to 2, and the law that says so, with a tenth of them beyond at 4."""
    inside = np.linspace(1, 2, 900)
    x = np.linspace(1, 2, 50)
    curves = {"sizes": np.concatenate([inside, np.full(100, 4.0)]), "law_x": x, "law_y": np.full(50, 0.9)}
    return {name: curve.astype(np.float32) for name, curve in curves.items()}


def test_a_law_is_drawn_at_the_height_of_the_bars_it_describes() -> None:
    found = density(BULK, table([row("w", curves=noise(), edge=2.5)]), "w", 0)
    assert isinstance(found, Density)
    assert found.law is not None
    for middle, height in zip(found.middles, found.heights, strict=True):
        if 1.1 < middle < 1.9:
            assert height == pytest.approx(np.interp(middle, *found.law), rel=0.05)
    assert found.strong == [middle >= 2.5 for middle in found.middles]


def test_a_cut_is_named_and_in_the_picture() -> None:
    drawn = draw(BULK, table([row("w", curves=noise(), edge=40.0)]), "w")
    accepted(drawn)
    bars, law = drawn["data"]
    assert law["line"]["dash"] == "dash"
    assert [label["text"] for label in drawn["layout"]["annotations"]] == ["Edge 40.0"]
    assert [shape["x0"] for shape in drawn["layout"]["shapes"]] == [40.0]
    assert drawn["layout"]["xaxis"]["range"][1] > np.log10(40.0)
    assert set(bars["marker"]["color"]) == {"var(--accent) / 38%"}  # none is beyond it


def test_what_the_row_does_not_have_is_not_drawn() -> None:
    drawn = draw(BULK, table([row("w", curves={"sizes": noise()["sizes"]}, edge=None, note="no noise")]), "w")
    assert [trace["type"] for trace in drawn["data"]] == ["bar"]
    assert drawn["layout"]["annotations"] == drawn["layout"]["shapes"] == []
