"""Idempotency-Key over HTTP, for every route that creates something (draft-ietf-httpapi-idempotency-key-header)."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute

from app import idempotency
from app.db import Session
from app.idempotency import Answer, digest_of
from app.web.dependencies import Writing

REPLAYED = "Idempotency-Replayed"
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=idempotency.LONGEST,
        pattern=r"^[\x21-\x7e]+$",
        description="The same request with the same key gets the same response for 24 hours.",
        examples=["ci-4711"],
    ),
]


class Again(Exception):
    """The request has been answered before."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


async def claim_key(request: Request, session: Writing, key: KeyHeader = None) -> None:
    """Claims the key in the request's own transaction."""
    if key is None:
        return
    body = await request.body()
    digest = digest_of(request.method.encode(), str(request.url.query).encode(), body)
    past_answer = await run_sync(idempotency.claim, session, request.url.path, key, digest)
    if past_answer is not None:
        raise Again(past_answer)
    request.state.claimed = (session, key)


def replay(answer: Answer) -> Response:
    headers = {REPLAYED: "true"} | ({} if answer.location is None else {"Location": answer.location})
    return Response(answer.body, answer.status, headers, "application/json")


class OnceRoute(APIRoute):
    """A route that keeps its answer beside what it creates, before the transaction is committed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except Again as again:
                return replay(again.answer)
            claim: tuple[Session, str] | None = getattr(request.state, "claimed", None)
            if claim is not None and response.status_code < 300:
                session, key = claim
                reply = Answer(response.status_code, response.headers.get("location"), bytes(response.body).decode())
                await run_sync(idempotency.keep, session, request.url.path, key, reply)
            return response

        return answer


Once = Depends(claim_key)
