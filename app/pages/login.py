"""Signing in, where the service has a token: the browser gets a cookie that stands for it."""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response

from app.api.dependencies import SettingsOf
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see
from app.security import COOKIE, cookie_value, is_token

router = APIRouter(prefix="/login", route_class=PageRoute)
MONTH = 30 * 86_400  # seconds


@router.get("")
def show(request: Request, back: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> Response:
    return page(request, "login.html", next=ours(back), wrong=False)


@router.post("")
def sign_in(
    request: Request,
    settings: SettingsOf,
    sent: Sent,
) -> Response:
    token, back = (sent.get(name, [""])[0] for name in ("token", "next"))
    if not is_token(token.strip(), settings):
        return page(request, "login.html", 401, next=ours(back), wrong=True)
    answer = see(ours(back))
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie_value(settings), MONTH, httponly=True, samesite="strict", secure=secure)
    return answer


def ours(address: str) -> str:
    """The address if it is a path of this service, else the first page: a link to /login must lead nowhere else.

    >>> ours("/runs/3?q=a"), ours("///evil.example"), ours("https://evil.example")
    ('/runs/3?q=a', '/', '/')
    """
    parts = urlsplit(address.replace("\\", "/"))
    alone = not parts.scheme and not parts.netloc and parts.path.startswith("/") and parts.path.isprintable()
    return address if alone and "\\" not in address and not address.startswith("//") else "/"
