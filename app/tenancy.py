"""Whose rows they are: in a session that speaks for a project, every query sees that project's rows and no others'.

SQLAlchemy's recipe for it (“Adding global WHERE / ON criteria”): the criterion is added to each statement on its way
out, so that no query can forget it. Workers' sessions speak for nobody and see everything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Integer, event
from sqlalchemy.orm import Mapped, ORMExecuteState, Session, mapped_column, with_loader_criteria

PROJECT, ACTOR, LIMITS = "project", "actor", "limits"  # in Session.info
EVERYWHERE = {"everywhere": True}  # execution option of the few statements that must look across projects


class ProjectScoped:
    """What belongs to a project, from the moment that it is made."""

    project_id: Mapped[int] = mapped_column(Integer, index=True)


def speak(session: Session, project: int | None, actor: str | None, limits: object) -> None:
    """Says for which project the session speaks, if for one, in whose name, and within which quotas.Amounts."""
    session.info |= {PROJECT: project, ACTOR: actor, LIMITS: limits}


def confine(session: Session, project: int) -> None:
    """From now on the session sees this project's rows alone, and what it makes is the project's."""
    session.info[PROJECT] = project


@contextmanager
def confine_for(session: Session, project: int) -> Iterator[None]:
    """The same for a while."""
    old_project = project_of(session)
    confine(session, project)
    yield
    session.info[PROJECT] = old_project


def project_of(session: Session) -> int | None:
    """The project that the session speaks for; None where it speaks for nobody."""
    project: int | None = session.info.get(PROJECT)
    return project


def actor_of(session: Session) -> str:
    """In whose name it acts, for the audit log."""
    return str(session.info.get(ACTOR) or "the service itself")


@event.listens_for(Session, "do_orm_execute")
def _restrict(state: ORMExecuteState) -> None:
    project = project_of(state.session)
    plain = state.is_select or state.is_update or state.is_delete
    if project is None or not plain or state.execution_options.get("everywhere"):
        return
    criterion = with_loader_criteria(ProjectScoped, lambda each: each.project_id == project, include_aliases=True)
    state.statement = state.statement.options(criterion)


@event.listens_for(Session, "before_flush")
def _claim(session: Session, context: object, instances: Any) -> None:
    project = project_of(session)
    for row in session.new:
        if isinstance(row, ProjectScoped) and project is not None:
            if row.project_id not in (None, project):
                raise PermissionError(f"a session of project {project} makes a row of project {row.project_id}")
            row.project_id = project
