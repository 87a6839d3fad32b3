import pytest

from analysis.diagnostic import FigureKind
from frontend.figures.draw import draw
from frontend.figures.views import MAIN, figure, standard, view
from tests.frontend.examples import DIAGNOSTIC, blocks
from tests.frontend.figures.test_draw import accepted


@pytest.mark.parametrize("kind", MAIN)
@pytest.mark.parametrize("column", ["steepness", "count"])
def test_every_numeric_column_has_every_picture(kind: FigureKind, column: str) -> None:
    found = standard(DIAGNOSTIC, DIAGNOSTIC.column(column), kind)
    assert found == figure(DIAGNOSTIC, f"{column}.{kind}")
    assert found.caption.endswith(".")
    drawn = draw(found, blocks())
    accepted(drawn)
    assert drawn["data"]


def test_a_declared_picture_comes_first() -> None:
    assert view(DIAGNOSTIC, "steepness", FigureKind.DEPTH).name == "by-depth"
    assert view(DIAGNOSTIC, "doubt", FigureKind.DEPTH).name == "doubt.depth"
    assert figure(DIAGNOSTIC, "by-depth") == DIAGNOSTIC.figures[2]


def test_errors_and_weak_evidence_are_drawn_where_they_are_declared() -> None:
    assert figure(DIAGNOSTIC, "steepness.depth") == standard(
        DIAGNOSTIC, DIAGNOSTIC.column("steepness"), FigureKind.DEPTH
    )
    parts = standard(DIAGNOSTIC, DIAGNOSTIC.column("steepness"), FigureKind.DEPTH).parts
    assert parts == {"y": "steepness", "error": "doubt", "hollow": "weak"}
    assert standard(DIAGNOSTIC, DIAGNOSTIC.column("count"), FigureKind.FLOW).parts == {"y": "count"}


@pytest.mark.parametrize("name", ["", "steepness", "steepness.", "word.flow", "sizes.depth", "count.density"])
def test_other_names_lead_nowhere(name: str) -> None:
    assert figure(DIAGNOSTIC, name) is None
