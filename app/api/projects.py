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
from app.web.dependencies import NUMBER, Admin, CallerOf, Changing, Reading
from app.web.problems import responses

router = APIRouter(tags=["access"])
Count = Annotated[int, Field(ge=0), NUMBER]
Name = Annotated[str, Path(max_length=64, examples=["default"])]


class Usage(BaseModel):
    """Bytes and files that its checkpoints hold, their tensors, queued or running runs, and bytes of kept results."""

    bytes: int = Field(examples=[90864192])
    files: int = Field(examples=[1])
    tensors: int = Field(examples=[101])
    runs: int = Field(examples=[0])
    results: int = Field(examples=[95744])


class Project(BaseModel):
    """A project with its usage and limits."""

    name: str = Field(examples=["default"])
    created_at: datetime
    usage: Usage
    limits: Usage


class ProjectRequest(BaseModel):
    """A project to create."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "vision"}]})

    name: str = Field(pattern=rf"^{projects.NAME.pattern}$", description="Letters, digits, dots, dashes, underscores.")


class Limits(BaseModel):
    """Limits of a project. A limit that is left out follows the service's settings."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"bytes": 10**12, "runs": 20}]})

    bytes: Count | None = None
    files: Count | None = None
    tensors: Count | None = None
    runs: Count | None = None
    results: Count | None = None


class Me(BaseModel):
    """The caller."""

    name: str = Field(examples=["token CI of main (esc_3f9k2m1q8z0a)"])
    scope: str = Field(examples=["write"])
    project: Project


def project_json(session: Session, row: models.Project) -> Project:
    with confine_for(session, row.id):
        has, may = quotas.usage(session), quotas.limits(session)
    usage, limits = Usage(**has.to_json()), Usage(**(may or has).to_json())
    return Project(name=row.name, created_at=moment(row.created_at), usage=usage, limits=limits)


@router.get("/me", operation_id="who_am_i")
def me(session: Reading, caller: CallerOf) -> Me:
    """Returns the caller, its scope and its project, to find out why a request was refused."""
    return me_json(session, caller)


def me_json(session: Session, caller: Caller) -> Me:
    project = session.get_one(models.Project, caller.project)
    return Me(name=caller.name, scope=caller.scope, project=project_json(session, project))


@router.get("/projects", operation_id="list_projects")
def listing(session: Admin) -> list[Project]:
    """Lists all projects by name."""
    return [project_json(session, row) for row in projects.listing(session)]


@router.post("/projects", status_code=201, responses=responses(400, 409), operation_id="create_project")
def create(session: Changing, asked: ProjectRequest, response: Response) -> Project:
    """Creates a project. Its tokens have access to this project only."""
    project = projects.create(session, asked.name)
    response.headers["Location"] = f"/api/v1/projects/{project.name}"
    return project_json(session, project)


@router.get("/projects/{name}", responses=responses(404), operation_id="get_project")
def show(session: Admin, name: Name) -> Project:
    """Returns one project."""
    return project_json(session, projects.project_named(session, name))


@router.patch("/projects/{name}", responses=responses(400, 404), operation_id="limit_project")
def limit(session: Changing, name: Name, asked: Limits) -> Project:
    """Sets its limits, replacing those set before."""
    project = projects.project_named(session, name)
    quotas.set_limits(session, project, asked.model_dump(exclude_none=True))
    return project_json(session, project)
