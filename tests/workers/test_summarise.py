import pytest

from app.models import Overview, Run
from app.runs import overviews
from tests.service import Service
from workers.summarise import summarise_run


def test_an_analysis_ends_with_its_overview(analysed: Service) -> None:
    with analysed.database.reading() as session:
        assert session.get_one(Run, 1).summarise_at is None
        overview = session.get_one(Overview, (1, 0))
        assert overview.headline
        assert overview.median_alpha is None  # no fit of so small a model is firm
        assert overview.cells


def test_a_run_that_is_gone_is_let_be(service: Service) -> None:
    summarise_run(service.everything, 7)


def test_what_cannot_be_made_is_not_asked_for_again(analysed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken")

    with analysed.database.writing() as session:
        session.get_one(Run, 1).summarise_at = 0.0
    monkeypatch.setattr(overviews, "find", fail)
    summarise_run(analysed.everything, 1)
    with analysed.database.reading() as session:
        assert session.get_one(Run, 1).summarise_at is None
