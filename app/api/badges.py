"""Badges that other sites can show: a link for those who may see the project, an image for everyone with the link."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.access import projects
from app.db import Database
from app.errors import NotFound
from app.gate import badges
from app.web.dependencies import CallerOf, Reading, SettingsOf
from app.web.problems import responses
from frontend.badge import badge

router = APIRouter(tags=["verdicts"])

PATH = "/api/v1/badge.svg"  # open to everyone: see `app.web.guard.OPEN_PATHS`
SVG = {"image/svg+xml": {"example": "<svg/>"}}
FOR_OTHERS = {  # an image on a page of another site, kept for a minute by the caches between
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "public, max-age=60",
}
NO_NUL = "^[^\\u0000]*$"  # PostgreSQL has no such text
Name = Annotated[
    str,
    Query(pattern=NO_NUL, min_length=1, max_length=255, description="A checkpoint's name.", examples=["model@main"]),
]
ProjectName = Annotated[
    str, Query(pattern=NO_NUL, min_length=1, max_length=64, description="A project's name.", examples=["default"])
]
Signature = Annotated[
    str, Query(pattern=NO_NUL, min_length=1, max_length=64, examples=["0123456789abcdef0123456789abcdef"])
]


class BadgeLink(BaseModel):
    """A public link to the badge of a name, and the same as Markdown."""

    url: str = Field(examples=[f"https://eigenscope.example{PATH}?project=default&name=model%40main&signature=0123"])
    markdown: str = Field(examples=["![eigenscope](https://eigenscope.example/api/v1/badge.svg?…)"])


@router.get("/badge", operation_id="get_badge_link")
def link(request: Request, session: Reading, caller: CallerOf, settings: SettingsOf, name: Name) -> BadgeLink:
    """Returns the public link to a badge with the newest verdict over checkpoints of this name."""
    project = projects.name_of(session, caller.project or projects.DEFAULT)
    signature = badges.sign(badges.read_key(settings.data_dir), project, name)
    asked = urlencode({"project": project, "name": name, "signature": signature}, errors="replace")
    url = f"{str(request.base_url).rstrip('/')}{PATH}?{asked}"
    return BadgeLink(url=url, markdown=f"![eigenscope]({url})")


@router.get(
    "/badge.svg", response_class=Response, operation_id="get_badge",
    responses={200: {"description": "The badge.", "content": SVG}, **responses(404)},
)  # fmt: skip
def image(request: Request, settings: SettingsOf, project: ProjectName, name: Name, signature: Signature) -> Response:
    """Returns the badge of a signed link. It needs no token, and other sites can show it."""
    if not badges.is_signed(badges.read_key(settings.data_dir), project, name, signature):
        raise NotFound("No badge has this link. Ask for one with GET /api/v1/badge?name=….")
    database: Database = request.app.state.database
    with database.reading() as session:
        number = projects.find(session, project)
    if number is None:
        raise NotFound("The project does not exist.")
    with database.within(number, "a badge").reading() as session:
        word = badges.word_of(session, name)
    return Response(badge(word), headers=FOR_OTHERS, media_type="image/svg+xml")
