"""Tags, notes, archive and trash."""

import pytest

from app import checkpoints
from app.errors import BadRequest
from app.lists import labels
from app.lists.labels import Change
from app.models import Event, Run
from app.runs import runs
from tests.service import Service, model


def test_a_change_leaves_the_rest_and_is_audited(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        row = checkpoints.hold(session, 1)
        labels.change(session, row, Change(tags=["a", "A", "b"], notes="why"))
        labels.change(session, row, Change(archived=True))
        assert (row.tags, row.notes, row.archived_at is None) == (["a", "b"], "why", False)
        labels.change(session, row, Change(archived=False, trashed=True))
        assert (row.archived_at, row.trashed_at is None) == (None, False)
        actions = [event.action for event in session.query(Event).order_by(Event.id)]
    assert actions[-3:] == ["checkpoint.archive", "checkpoint.unarchive", "checkpoint.trash"]


def test_the_trash_cancels_what_goes_on(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.writing() as session:
        labels.change(session, checkpoints.hold(session, 1), Change(trashed=True))
        assert session.get_one(Run, 1).state == "cancelled"
    answer = service.client.post("/api/v1/runs", json={"checkpoints": [1]})
    assert (answer.status_code, "Restore it first" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("tags", [["a b"], ["#a"], [""], ["x" * 41], [str(n) for n in range(21)]])
def test_what_is_not_a_tag_is_refused(tags: list[str]) -> None:
    with pytest.raises(BadRequest):
        labels.clean_tags(tags)


def test_long_notes_are_refused(service: Service) -> None:
    service.upload(model())
    with pytest.raises(BadRequest, match="10,000"), service.database.writing() as session:
        labels.change(session, checkpoints.hold(session, 1), Change(notes="x" * 10_001))


def test_a_run_has_a_name_of_its_own(analysed: Service) -> None:
    with analysed.database.writing() as session:
        assert labels.rename(session, 1, " sweep ").name == "sweep"
        assert labels.rename(session, 1, None).name == "sweep"
        assert labels.rename(session, 1, "").name is None
        assert runs.get(session, 1).name is None
