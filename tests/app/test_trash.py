"""The trash is emptied after some days, and not before."""

from app import trash
from app.models import Checkpoint, Run
from tests.service import Service
from workers.sweeper import empty_trash


def test_it_is_emptied_when_its_time_is_over(analysed: Service) -> None:
    analysed.client.patch("/api/v1/runs/1", json={"trashed": True})
    analysed.client.patch("/api/v1/checkpoints/1", json={"trashed": True})
    later = analysed.settings.model_copy(update={"trash_days": 7.0})
    empty_trash(analysed.everything, analysed.storage, later)
    assert analysed.get("/api/v1/checkpoints/1")["trashed_at"] is not None
    with analysed.database.reading() as session:
        row = session.get_one(Checkpoint, 1)
        assert row.trashed_at is not None
        assert trash.deletion_time(later, row) == row.trashed_at + 7 * 86_400
        assert trash.due(session, later, Run) == []
    empty_trash(analysed.everything, analysed.storage, later.model_copy(update={"trash_days": 0.0}))
    analysed.get("/api/v1/runs/1", status=404)
    analysed.get("/api/v1/checkpoints/1", status=404)
    assert list(analysed.storage.settled_files()) == []


def test_what_is_not_in_the_trash_has_no_end(analysed: Service) -> None:
    with analysed.database.reading() as session:
        assert trash.deletion_time(analysed.settings, session.get_one(Run, 1)) is None
