from pathlib import Path

import pytest

from analysis.diagnostic import Column
from frontend import scale

ALPHA = Column("alpha", "α", "", usual=(2.0, 6.0))
RANK = Column("rank", "rank", "")


@pytest.mark.parametrize(
    ("value", "css", "side"),
    [(1.99, "a-lo", "low"), (2.0, "a-1", ""), (4.0, "a-3", ""), (5.99, "a-4", ""), (6.0, "a-4", ""),
     (6.01, "a-hi", "high"), (8.0, "a-top", "high"), (40.0, "a-top", "high")],
)  # fmt: skip
def test_classes_around_a_usual_range(value: float, css: str, side: str) -> None:
    found = scale.scale(ALPHA, [])
    assert (found.css(value), found.side(value)) == (css, side)


def test_the_legend_names_the_cuts() -> None:
    words = [text for _, text in scale.scale(ALPHA, []).legend()]
    assert words == ["< 2", "2–3", "3–4", "4–5", "5–6", "6–8", "> 8"]


def test_without_a_usual_range_classes_share_the_span() -> None:
    found = scale.scale(RANK, [0.0, 60.0])
    assert found.cuts == pytest.approx((10, 20, 30, 40, 50))
    assert [found.css(v) for v in (0.0, 35.0, 60.0)] == ["q-0", "q-3", "q-5"]
    assert found.side(60.0) == ""


def test_a_wide_span_goes_by_logarithm() -> None:
    assert scale.scale(RANK, [1.0, 1e6]).cuts == pytest.approx((10, 100, 1e3, 1e4, 1e5))


@pytest.mark.parametrize("values", [[], [3.0, 3.0]])
def test_one_value_is_one_class(values: list[float]) -> None:
    found = scale.scale(RANK, values)
    assert found.css(3.0) == "q-1"
    assert found.legend() == []


def test_the_page_has_every_class() -> None:
    css = (Path(scale.__file__).parent / "static/css/tables.css").read_text()
    assert all(f".{name} {{" in css for name in (*scale.DIVERGING, *scale.SEQUENTIAL))


def test_around_one_usual_value() -> None:
    found = scale.scale(Column("lost", "lost", "", usual=(0.0, 0.0)), [])
    assert [found.css(value) for value in (-1.0, 0.0, 3.0)] == ["a-lo", "a-2", "a-top"]
    assert [found.side(value) for value in (-1.0, 0.0, 3.0)] == ["low", "", "high"]
