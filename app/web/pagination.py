"""Cursors: a list is read page by page, and what is added meanwhile neither moves nor repeats what is yet to come.

A cursor names the last thing of a page, and the list that it was made for. To whoever holds it, it is opaque.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response

from app.errors import BadCursor
from app.web.dependencies import LARGEST_ID, Limit

T = TypeVar("T")
OWN = ("cursor", "limit")  # parameters that say which page, and not which list
LINK = 'If there are more items: `<…>; rel="next"`, the address of the next page, relative to this one.'
PAGED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": LINK,
                "schema": {"type": "string"},
                "example": '</api/v1/runs?limit=100&cursor=WzEyLCI4ZmE0NjQwZCJd>; rel="next"',
            }
        }
    }
}
COUNTED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            **PAGED[200]["headers"],
            "X-Total-Count": {
                "description": "Items on all pages.",
                "schema": {"type": "integer"},
                "example": 1234,
            },
        }
    }
}
Cursor = Annotated[
    str | None,
    Query(max_length=400, description="From the `Link` header of the previous page.", examples=[None]),
]


class Pager:
    """A page as it was asked for: how long, and what it comes after."""

    def __init__(self, request: Request, limit: int, cursor: str | None) -> None:
        self._request, self.limit = request, limit
        filters = sorted((name, value) for name, value in request.query_params.multi_items() if name not in OWN)
        self._list = digest([request.url.path, filters])
        self._place = None if cursor is None else unseal(cursor, self._list)

    @property
    def number(self) -> int | None:
        """The last id or position of the page before; None where there is none."""
        place = self._place
        if place is None:
            return None
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place <= LARGEST_ID:
            raise BadCursor(UNKNOWN)
        return place

    @property
    def name(self) -> str | None:
        """The same, where the things of a list go by names."""
        return None if self._place is None else str(self._place)

    def cut(self, found: Sequence[T], place: Callable[[T], int | str]) -> tuple[Sequence[T], dict[str, str]]:
        """The page and its headers, of what was found from its beginning on: one more than fits says that more is."""
        items = found[: self.limit]
        if len(found) <= self.limit:
            return items, {}
        filters = [(name, value) for name, value in self._request.query_params.multi_items() if name not in OWN]
        query = [*filters, ("limit", str(self.limit)), ("cursor", seal(place(items[-1]), self._list))]
        return items, {"Link": f'<{self._request.url.path}?{urlencode(query, errors="replace")}>; rel="next"'}


class Answering(Pager):
    """The same, whose next page is named in the answer."""

    def __init__(self, request: Request, response: Response, limit: int, cursor: str | None) -> None:
        super().__init__(request, limit, cursor)
        self._response = response

    def page_of(self, found: Sequence[T], place: Callable[[T], int | str]) -> Sequence[T]:
        page, headers = self.cut(found, place)
        self._response.headers.update(headers)
        return page


async def _read_request(request: Request, response: Response, limit: Limit = 100, cursor: Cursor = None) -> Answering:
    return Answering(request, response, limit, cursor)


PageOf = Annotated[Answering, Depends(_read_request)]
UNKNOWN = "The cursor is not valid for this list. Use the Link header of the previous page, with the same filters."


def digest(parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=6).hexdigest()


def seal(place: int | str, of: str) -> str:
    """
    >>> unseal(seal(12, "a list"), "a list")
    12
    """
    return base64.urlsafe_b64encode(json.dumps([place, of]).encode()).decode().rstrip("=")


def unseal(cursor: str, of: str) -> int | str:
    """What `sealed` was given for this list. Raises BadCursor."""
    try:
        place, list_digest = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise BadCursor(UNKNOWN) from None
    if list_digest != of or not isinstance(place, int | str):
        raise BadCursor(UNKNOWN)
    return place
