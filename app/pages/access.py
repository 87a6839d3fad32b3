"""Who may: tokens, projects and the audit log, for administrators of the whole service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from app import models
from app.access import audit, projects, quotas, tokens
from app.access.security import PROJECT_COOKIE
from app.db import Session, clock
from app.errors import BadRequest, ServiceError
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see
from app.tenancy import confine_for
from app.web.dependencies import Admin, CallerOf, Changing
from frontend import numbers

router = APIRouter(prefix="/access", route_class=PageRoute)
LINES = 50
YEAR = 365 * 86_400  # seconds


@dataclass(frozen=True, slots=True)
class TokenRow:
    key: str
    name: str
    scope: str
    project: str
    used: str
    until: str
    good: bool


@dataclass(frozen=True, slots=True)
class ProjectRow:
    name: str
    size: str
    files: int
    runs: int
    shown: bool  # whose things the caller sees now


@router.get("")
def show(request: Request, session: Admin, caller: CallerOf) -> Response:
    return show_page(request, session, caller.project)


def show_page(request: Request, session: Session, current: int, made: str = "", error: str = "") -> Response:
    now = clock(session)
    rows = [token_row(token, project, now) for token, project in tokens.listing(session)]
    return page(
        request,
        "pages/access.html",
        400 if error else 200,
        page="access",
        made=made,
        error=error,
        tokens=[row for row in rows if row.good],
        ended=[row for row in rows if not row.good],
        projects=[project_row(session, project, current) for project in projects.listing(session)],
        lines=[(moment(line.at), line) for line in audit.listing(session, LINES)],
    )


def token_row(token: models.Token, project: str | None, now: float) -> TokenRow:
    end_time = token.revoked_at or (token.expires_at if token.expires_at and token.expires_at < now else None)
    expiry = end_time or token.expires_at
    return TokenRow(
        key=token.key,
        name=token.name,
        scope=token.scope,
        project=project or "all projects",
        used=moment(token.used_at) if token.used_at else "never",
        until=moment(expiry) if expiry else "it is revoked",
        good=end_time is None,
    )


def project_row(session: Session, project: models.Project, current: int) -> ProjectRow:
    with confine_for(session, project.id):
        has = quotas.usage(session)
    return ProjectRow(project.name, numbers.size(has.bytes), has.files, has.runs, project.id == current)


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


@router.post("/tokens")
def create(request: Request, session: Changing, caller: CallerOf, sent: Sent) -> Response:
    """Makes a token, and shows it this once."""
    try:
        days = _days(_one(sent, "days"))
        _, text = tokens.create(session, _one(sent, "name"), _one(sent, "scope"), _one(sent, "project") or None, days)
    except ServiceError as error:
        return show_page(request, session, caller.project, error=str(error))
    return show_page(request, session, caller.project, made=text)


def _one(fields: Mapping[str, Sequence[str]], name: str) -> str:
    return fields.get(name, [""])[0].strip()


def _days(text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise BadRequest(f"The number of days must be a number, not {text[:40]!r}.") from None


@router.post("/tokens/{key}/revoke")
def revoke(session: Changing, key: str) -> Response:
    tokens.revoke(session, key)
    return see("/access")


@router.post("/projects")
def make(request: Request, session: Changing, caller: CallerOf, sent: Sent) -> Response:
    try:
        projects.create(session, _one(sent, "name"))
    except ServiceError as error:
        return show_page(request, session, caller.project, error=str(error))
    return see("/access")


@router.post("/projects/{name}/show")
def choose(session: Admin, request: Request, name: str) -> Response:
    """From now on this browser sees this project's things."""
    projects.project_named(session, name)
    answer = see("/")
    secure = request.url.scheme == "https"
    answer.set_cookie(PROJECT_COOKIE, quote(name), YEAR, httponly=True, samesite="lax", secure=secure)
    return answer
