"""The audit log."""

from sqlalchemy import update

from app.access import audit
from app.models import Event
from tests.service import Service, model


def test_lines_say_who_where_and_what(service: Service) -> None:
    with service.everything.within(1, "ada").writing() as session:
        audit.note(session, "run.delete", "run 3", {"tables": 2})
    with service.everything.writing() as session:
        audit.note(session, "checkpoint.release", "checkpoint 1")
        newest, oldest = audit.listing(session)
        assert (oldest.actor, oldest.project_id, oldest.subject, oldest.detail) == ("ada", 1, "run 3", {"tables": 2})
        assert (newest.actor, newest.project_id) == ("the service itself", None)


def test_it_is_read_in_parts(service: Service) -> None:
    with service.everything.writing() as session:
        for number in range(5):
            audit.note(session, "token.use" if number % 2 else "tokens", f"{number}")
        first = audit.listing(session, limit=2)
        assert [line.subject for line in first] == ["4", "3"]
        assert [line.subject for line in audit.listing(session, before=first[-1].id)] == ["2", "1", "0"]
        assert [line.subject for line in audit.listing(session, action="token")] == ["3", "1"]


def test_after_a_year_lines_go(service: Service) -> None:
    with service.everything.writing() as session:
        for number in range(2):
            audit.note(session, "run.delete", f"{number}")
        session.flush()
        session.execute(update(Event).where(Event.subject == "0").values(at=1.0))
        audit.forget(session)
        assert [line.subject for line in audit.listing(session)] == ["1"]


def test_renamed_checkpoints_and_limited_projects_are_told(service: Service) -> None:
    service.upload(model(), "m.safetensors")
    for name in ("run 7", "run 7"):
        service.client.patch("/api/v1/checkpoints/1", json={"name": name, "facts": {}}).raise_for_status()
    service.client.patch("/api/v1/projects/default", json={"runs": 3}).raise_for_status()
    lines = [(line["action"], line["subject"], line["detail"]) for line in service.get("/api/v1/audit", limit=2)]
    assert lines == [
        ("project.limit", "default", {"before": {}, "now": {"runs": 3}}),
        ("checkpoint.rename", "checkpoint 1, m.safetensors", {"name": "run 7"}),
    ]
