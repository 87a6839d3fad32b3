"""Projects: whose things they are, how much they have, and how much they may have."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from app import models
from app.access import projects, quotas
from app.access.callers import Caller
from app.api.schemas import moment
from app.db import Session
from app.tenancy import confine_for
from app.web.dependencies import Admin, CallerOf, Changing, Reading
from app.web.problems import responses

router = APIRouter(tags=["access"])
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Path(max_length=64, examples=["default"])]


class Amounts(BaseModel):
    """Bytes and files that its checkpoints hold, their tensors, and runs that wait or are under way."""

    bytes: int = Field(examples=[90864192])
    files: int = Field(examples=[1])
    tensors: int = Field(examples=[101])
    runs: int = Field(examples=[0])


class Project(BaseModel):
    """A project, with what it has and may have."""

    name: str = Field(examples=["default"])
    created_at: datetime
    usage: Amounts
    limits: Amounts


class ProjectRequest(BaseModel):
    """A project to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "vision"}]})

    name: str = Field(pattern=rf"^{projects.NAME.pattern}$", description="Letters, digits, dots, dashes, underscores.")


class Limits(BaseModel):
    """What it may have. What is left out goes by the service's settings."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"bytes": 10**12, "runs": 20}]})

    bytes: Count | None = None
    files: Count | None = None
    tensors: Count | None = None
    runs: Count | None = None


class Me(BaseModel):
    """Who asks, as far as the service can tell."""

    name: str = Field(examples=["token CI of main (esc_3f9k2m1q8z0a)"])
    scope: str = Field(examples=["write"])
    project: Project


def project_json(session: Session, row: models.Project) -> Project:
    with confine_for(session, row.id):
        has, may = quotas.usage(session), quotas.limits(session)
    usage, limits = Amounts(**has.to_json()), Amounts(**(may or has).to_json())
    return Project(name=row.name, created_at=moment(row.created_at), usage=usage, limits=limits)


@router.get("/me", operation_id="who_am_i")
def me(session: Reading, caller: CallerOf) -> Me:
    """The caller, its scope and its project: what to look at when something is refused."""
    return me_json(session, caller)


def me_json(session: Session, caller: Caller) -> Me:
    project = session.get_one(models.Project, caller.project)
    return Me(name=caller.name, scope=caller.scope, project=project_json(session, project))


@router.get("/projects", operation_id="list_projects")
def listing(session: Admin) -> list[Project]:
    """All of them, by name."""
    return [project_json(session, row) for row in projects.listing(session)]


@router.post("/projects", status_code=201, responses=responses(400, 409), operation_id="create_project")
def create(session: Changing, asked: ProjectRequest, response: Response) -> Project:
    """Makes a project. A token of it sees its things and no others."""
    made = projects.create(session, asked.name)
    response.headers["Location"] = f"/api/v1/projects/{made.name}"
    return project_json(session, made)


@router.get("/projects/{name}", responses=responses(404), operation_id="get_project")
def show(session: Admin, name: Name) -> Project:
    """One project."""
    return project_json(session, projects.project_named(session, name))


@router.patch("/projects/{name}", responses=responses(400, 404), operation_id="limit_project")
def limit(session: Changing, name: Name, asked: Limits) -> Project:
    """Sets what it may have, in place of what was set before."""
    project = projects.project_named(session, name)
    quotas.set_limits(session, project, asked.model_dump(exclude_none=True))
    return project_json(session, project)
