"""Projects: whose checkpoints, runs and reports they are. Number 1, “default”, is there from the start."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import audit
from app.db import insert_of
from app.errors import BadRequest, Conflict, NotFound
from app.models import Project

DEFAULT = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def listing(session: Session) -> Sequence[Project]:
    """By name."""
    return session.scalars(select(Project).order_by(Project.name)).all()


def find(session: Session, name: str) -> int | None:
    """The id of the project of that name."""
    if not NAME.fullmatch(name):
        return None
    return session.scalar(select(Project.id).where(Project.name == name))


def name_of(session: Session, identity: int) -> str:
    """Raises NotFound."""
    name = session.scalar(select(Project.name).where(Project.id == identity))
    if name is None:
        raise NotFound("The project does not exist.")
    return name


def project_named(session: Session, name: str) -> Project:
    identity = find(session, name)
    if identity is None:
        raise NotFound("The project does not exist.")
    return session.get_one(Project, identity)


def create(session: Session, name: str) -> Project:
    """Raises BadRequest for a name that is none, Conflict for one that is taken."""
    if not NAME.fullmatch(name):
        raise BadRequest("A project's name is 1 to 64 letters, digits, dots, dashes and underscores.")
    row = insert_of(session)(Project).values(name=name, limits={}).on_conflict_do_nothing().returning(Project.id)
    project_id = session.scalar(row)
    if project_id is None:
        raise Conflict(f"A project {name} already.")
    audit.note(session, "project.create", name)
    return session.get_one(Project, project_id)
