"""The ratios of σ₁ from the narrowest model to each wider one."""

from analysis.width_scaling.family import family, scaling
from app.pages.views.width_scaling.pairs import PairsView
from tests.families import settings, table


def pairs(rule: str, itself: bool) -> PairsView:
    members = family(table(settings(rule)))
    assert members is not None
    return PairsView(scaling(members), itself)


def test_the_wider_models_in_order() -> None:
    shown = pairs("λ constant", itself=True)
    assert shown.narrowest == "16"
    assert [width for width, _ in shown.wider] == ["24", "32", "48"]


def test_against_the_law_every_ratio_is_one() -> None:
    texts = {cell.text for _, cells in pairs("both constant", itself=False).lines for cell in cells}
    assert texts == {"1.00"}


def test_as_they_are_a_large_ratio_has_a_sign() -> None:
    line, cells = pairs("both constant", itself=True).lines[0]
    assert (line.title, cells[-1].text, cells[-1].sign, cells[-1].css) == ("query", f"{3.0**0.75:.2f}", "✕", "r-bad")
    assert cells[-1].title.startswith("fail: measured 2.28; the law predicts 2.28")
