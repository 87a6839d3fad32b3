"""Signing in, where the service has a token: the browser gets a cookie that stands for it."""

from typing import Annotated
from urllib.parse import urlsplit

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request, Response

from app.access.security import COOKIE, PROJECT_COOKIE
from app.access.sessions import MONTH, begin, end
from app.db import Database
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see
from app.settings import Settings
from app.web.dependencies import DatabaseOf, SettingsOf

router = APIRouter(prefix="/login", route_class=PageRoute)


@router.get("")
def show(request: Request, back: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> Response:
    return page(request, "pages/login.html", next=ours(back), wrong=False)


@router.post("")
async def sign_in(request: Request, settings: SettingsOf, sent: Sent) -> Response:
    token, target = (sent.get(name, [""])[0] for name in ("token", "next"))
    cookie = await run_sync(_begin, request.app.state.database, settings, token.strip())
    if cookie is None:
        return page(request, "pages/login.html", 401, next=ours(target), wrong=True)
    answer = see(ours(target))
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, MONTH, httponly=True, samesite="lax", secure=secure)
    answer.delete_cookie(PROJECT_COOKIE)  # another token's choice
    return answer


def _begin(database: Database, settings: Settings, token: str) -> str | None:
    with database.writing() as session:
        return begin(session, settings, token)


@router.post("/out")
def sign_out(request: Request, database: DatabaseOf) -> Response:
    if cookie := request.cookies.get(COOKIE):
        with database.writing() as session:
            end(session, cookie)
    answer = see("/login")
    answer.delete_cookie(COOKIE)
    answer.delete_cookie(PROJECT_COOKIE)
    return answer


def ours(address: str) -> str:
    """The address if it is a path of this service, else the first page: a link to /login must lead nowhere else.

    >>> ours("/runs/3?q=a"), ours("///evil.example"), ours("https://evil.example")
    ('/runs/3?q=a', '/', '/')
    """
    parts = urlsplit(address.replace("\\", "/"))
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/") and parts.path.isprintable()
    return address if is_path and "\\" not in address and not address.startswith("//") else "/"
