"""Steps of one run as lines."""

from frontend.figures.draw import draw
from tests.frontend.families import GROWTH, steps, widths
from tests.frontend.figures.test_draw import accepted


def test_each_size_is_a_line_over_the_steps_in_their_order() -> None:
    drawn = draw(GROWTH, steps())
    accepted(drawn)
    assert [(line["name"], line["x"], line["y"]) for line in drawn["data"]] == [
        ("σ₁", [100.0, 200.0], [1.0, 2.0]),
        ("‖W‖", [100.0, 200.0], [1.0, 3.0]),
    ]  # η is not known at the last step
    assert len({line["line"]["dash"] for line in drawn["data"]}) == 2
    assert drawn["layout"]["meta"]["words"] == "σ₁ 2 at the last step; ‖W‖ 3 at the last step"


def test_what_is_no_run_is_said() -> None:
    drawn = draw(GROWTH, widths())
    assert drawn["data"] == []
    assert "not steps of one run" in drawn["layout"]["meta"]["note"]
