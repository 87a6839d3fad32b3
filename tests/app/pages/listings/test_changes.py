import pytest

from app.errors import BadRequest, NotFound
from app.pages.listings.changes import change_checkpoints, chosen
from tests.service import Service, model


def test_tags_are_added_and_taken_away(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        sent = {"id": ["1"], "action": ["tag"], "tags": ["best v2"], "query": ["q=a&page=2"]}
        assert change_checkpoints(session, sent) == "/checkpoints?q=a&page=2"
        change_checkpoints(session, {"id": ["1"], "action": ["tag"], "tags": ["-best, new"]})
    assert service.get("/api/v1/checkpoints/1")["tags"] == ["v2", "new"]


def test_the_trash_can_be_undone(service: Service) -> None:
    service.upload(model())
    with service.database.writing() as session:
        assert change_checkpoints(session, {"id": ["1"], "action": ["trash"]}) == "/checkpoints?undo=1"
        assert change_checkpoints(session, {"id": ["1"], "action": ["restore"]}) == "/checkpoints"
    assert service.get("/api/v1/checkpoints/1")["trashed_at"] is None


def test_what_makes_no_sense_is_refused(service: Service) -> None:
    with service.database.writing() as session:
        with pytest.raises(BadRequest, match="not an action"):
            change_checkpoints(session, {"action": ["explode"]})
        with pytest.raises(NotFound):
            change_checkpoints(session, {"id": ["7"], "action": ["archive"]})
    with pytest.raises(BadRequest, match="At most 200"):
        chosen({"id": [str(n) for n in range(1, 300)]})
    assert chosen({"id": ["x", "0", "²", "99999999999", "3", "3"]}) == [3]
