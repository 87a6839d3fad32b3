"""Projects."""

import pytest

from app.access import projects
from app.errors import BadRequest, Conflict, NotFound
from tests.service import Service


def test_the_first_is_there_from_the_start(service: Service) -> None:
    with service.everything.reading() as session:
        assert [(row.id, row.name) for row in projects.listing(session)] == [(projects.DEFAULT, "default")]


def test_they_are_made_once(service: Service) -> None:
    with service.everything.writing() as session:
        made = projects.create(session, "vision")
        assert projects.project_named(session, "vision") is made
        assert projects.find(session, "vision") == made.id
        with pytest.raises(Conflict, match="vision"):
            projects.create(session, "vision")


@pytest.mark.parametrize("name", ["", "a b", "-a", "x" * 65, "a/b", "é"])
def test_names_that_are_none(service: Service, name: str) -> None:
    with pytest.raises(BadRequest, match="1 to 64"), service.everything.writing() as session:
        projects.create(session, name)


def test_one_that_is_not_there(service: Service) -> None:
    with service.everything.reading() as session:
        assert projects.find(session, "nowhere") is None
        with pytest.raises(NotFound):
            projects.project_named(session, "nowhere")


def test_a_name_that_is_none_is_not_looked_up(service: Service) -> None:
    """PostgreSQL holds no NUL: a token for such a project was answered with a fault of the server."""
    with service.database.reading() as session:
        session.connection().close()  # a look at the database would fail otherwise
        with pytest.raises(NotFound):
            projects.project_named(session, "a\x00b")
