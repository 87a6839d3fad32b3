from dataclasses import replace
from itertools import pairwise

import pytest

from frontend.tables import swarm as module
from frontend.tables.swarm import FLOOR, TOP, WIDTH, swarm
from tests.frontend.examples import blocks, row, table


def test_every_value_is_a_dot_inside_the_drawing() -> None:
    found = swarm(blocks(), "steepness")
    assert found is not None
    assert [dot.css for dot in found.dots] == ["low", "", "", "", "", "", "out"]
    assert all(0 < dot.x < WIDTH and TOP - 9 < dot.y < FLOOR for dot in found.dots)
    assert found.words == "β of 7 weights as dots on a line; 5 of 7 lie in the usual range"
    assert [label.text for label in found.labels] == ["2 query", "1 key"]


def test_values_that_may_not_be_judged_are_not_counted() -> None:
    whole = blocks()
    columns = tuple(replace(c, judges=lambda row: row.value("steepness") != 3.0) for c in whole.diagnostic.columns)
    found = swarm(replace(whole, diagnostic=replace(whole.diagnostic, columns=columns)), "steepness")
    assert found is not None
    assert found.words.endswith("; 4 of 6 lie in the usual range, 1 is not compared with it")


def test_dots_stand_where_their_values_are() -> None:
    found = swarm(blocks(), "steepness")
    assert found is not None
    assert found.band is not None
    at = {float(text): x for x, text in found.ticks}
    assert found.band[0] == pytest.approx(at[2.0])
    assert found.band[0] + found.band[1] == pytest.approx(at[6.0])
    assert found.dots[0].x == pytest.approx(at[1.0], abs=5)


@pytest.mark.parametrize("count", [10, 300, 3000])
def test_dots_shrink_until_the_tallest_stack_fits(count: int) -> None:
    found = swarm(table([row(str(i), steepness=3 + i % 40 / 40) for i in range(count)]), "steepness")
    assert found is not None
    assert len({(dot.x, dot.y) for dot in found.dots}) == count
    assert found.radius <= module.PITCHES[0] / 2
    if count < 1000:
        assert min(dot.y for dot in found.dots) >= TOP


def test_one_enormous_value_does_not_flatten_the_rest() -> None:
    found = swarm(table([row("a", steepness=3.0), row("b", steepness=5.0), row("c", steepness=1e6)]), "steepness")
    assert found is not None
    assert found.dots[1].x - found.dots[0].x > 50
    assert found.dots[2].title.endswith("1.00 × 10⁶")


def test_labels_do_not_run_into_each_other() -> None:
    found = swarm(table([row(str(i), steepness=7 + i / 100) for i in range(20)]), "steepness")
    assert found is not None
    spans = sorted((label.x - len(label.text) * 2.8, label.x + len(label.text) * 2.8) for label in found.labels)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_no_value_no_swarm() -> None:
    assert swarm(table([row("a", steepness=None)]), "steepness") is None
