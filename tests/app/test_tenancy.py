"""Whose rows they are: no query of a confined session sees, changes or deletes another project's."""

import pytest
from sqlalchemy import delete, func, select, update

from app.models import Checkpoint, Run
from app.tenancy import EVERYWHERE, actor_of, confine_for, project_of
from tests.service import Service, model


@pytest.fixture
def two(service: Service) -> Service:
    """Projects 1 and 2, with a run each: 1 and 2."""
    for project in (1, 2):
        with service.everything.within(project, f"tester {project}").writing() as session:
            session.add(Run(state="failed", diagnostics={}, reason=f"of {project}"))
    return service


def test_what_is_made_is_the_projects_own(two: Service) -> None:
    with two.everything.reading() as session:
        assert session.execute(select(Run.id, Run.project_id).order_by(Run.id)).all() == [(1, 1), (2, 2)]
        assert project_of(session) is None
        assert actor_of(session) == "the service itself"


def test_every_kind_of_query_is_confined(two: Service) -> None:
    with two.everything.within(2, "tester").reading() as session:
        assert [run.id for run in session.scalars(select(Run))] == [2]
        assert session.get(Run, 1) is None
        assert session.scalar(select(func.count(Run.id))) == 1
        assert session.scalar(select(Run.reason)) == "of 2"
        assert session.query(Run).count() == 1
        assert session.scalars(select(Run.id).execution_options(**EVERYWHERE)).all() == [1, 2]
        assert actor_of(session) == "tester"
        with confine_for(session, 1):
            assert session.scalars(select(Run.id)).all() == [1]
        assert session.scalars(select(Run.id)).all() == [2]


def test_subqueries_are_confined_too(two: Service) -> None:
    with two.database.reading() as session:
        inner = select(func.max(Run.id)).scalar_subquery()
        assert session.scalar(select(inner)) == 1


def test_changes_reach_no_further(two: Service) -> None:
    with two.database.writing() as session:
        session.execute(update(Run).values(reason="changed"))
        session.execute(delete(Run).where(Run.id == 2))
    with two.everything.reading() as session:
        assert session.execute(select(Run.id, Run.reason).order_by(Run.id)).all() == [(1, "changed"), (2, "of 2")]


def test_a_row_of_another_project_cannot_be_made(service: Service) -> None:
    with (
        pytest.raises(PermissionError, match="project 1 makes a row of project 2"),
        service.database.writing() as session,
    ):
        session.add(Run(state="failed", diagnostics={}, project_id=2))


def test_nobody_is_asked_for_a_project_in_vain(service: Service) -> None:
    with pytest.raises(Exception, match="project_id"), service.everything.writing() as session:
        session.add(Run(state="failed", diagnostics={}))


def test_deleting_bytes_spares_those_of_another_project(two: Service) -> None:
    """The same bytes in both projects are stored once: they go with the last of the two."""
    two.upload(model())
    with two.everything.writing() as session:
        session.execute(update(Checkpoint).values(project_id=2))
    two.upload(model())
    digest = two.get("/api/v1/checkpoints/2")["files"][0]["sha256"]
    assert two.client.delete("/api/v1/checkpoints/2").status_code == 204
    assert two.storage.path(digest).exists()
