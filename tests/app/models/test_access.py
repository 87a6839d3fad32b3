"""Access: the rows of a token end with its project, the audit log does not."""

from sqlalchemy import func, select

from app.models.access import Event, Project, Token
from tests.service import Service


def test_a_project_takes_its_tokens_along_and_leaves_the_audit_log(service: Service) -> None:
    with service.database.writing() as session:
        project = Project(name="short")
        session.add(project)
        session.flush()
        owner = {"name": "ci", "scope": "read", "project_id": project.id, "created_by": "test"}
        session.add_all([
            Token(key="k", digest="d", **owner),
            Event(actor="test", action="token.create", subject="k", project_id=project.id),
        ])  # fmt: skip
    with service.database.writing() as session:
        session.delete(session.scalars(select(Project).where(Project.name == "short")).one())
    with service.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Token).where(Token.key == "k")) == 0
        assert session.scalars(select(Event.subject).where(Event.actor == "test")).all() == ["k"]
