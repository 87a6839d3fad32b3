"""HEAD, answered like GET without its body, wherever a route does not say how by itself."""

import anyio
from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Middleware outside of what compresses, so that the headers are those of a GET."""

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._app, self._owner = app, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or self._takes_head(scope):
            await self._app(scope, receive, send)
            return
        with anyio.CancelScope() as answer:

            async def head(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                    answer.cancel()  # a stream of events would never end, and a file would be read for nobody

            # A copy: the server looks into its own to know that no body follows.
            await self._app({**scope, "method": "GET"}, receive, head)

    def _takes_head(self, scope: Scope) -> bool:
        """Whether a route takes HEAD itself, and none before it takes GET: files lie below a path of other routes."""
        for route in self._owner.routes:
            if route.matches(scope)[0] is Match.FULL:
                return True
            if route.matches({**scope, "method": "GET"})[0] is Match.FULL:
                return False
        return False
