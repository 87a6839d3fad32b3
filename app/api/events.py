"""A run as it happens, over server-sent events, read from its rows."""

import json
import math
from collections.abc import AsyncIterator, Container
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from analysis.report import record
from app.access.callers import Caller, still_good
from app.api import examples
from app.api.schemas import run_json
from app.db import Database
from app.runs import reports, runs
from app.runs.members import names_of
from app.states import ENDED
from app.web.dependencies import CallerOf, DatabaseOf, Identity, Reading
from app.web.listeners import LOOK_SECONDS, PORTION, Listeners
from app.web.long_poll import bell
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/events", tags=["runs"])


Rows = dict[int, str]


@dataclass(frozen=True, slots=True)
class State:
    """A run as it is told: the same text for all its listeners."""

    ended: bool
    payload: str


def look_at(database: Database, run_id: int, heard: Container[int]) -> tuple[State | None, Rows]:
    """The run and the rows that were not heard of yet; None where it was deleted. Rows are read after the state."""
    with database.reading() as session:
        run = runs.find(session, run_id)
        shape = None if run is None else run_json(session, run)
        names = () if run is None else names_of(run)
    with database.reading() as session:
        new = reports.rows_since(session, run_id, heard)
    state = None if shape is None else State(shape.state in ENDED, shape.model_dump_json())
    return state, {
        identity: json.dumps({"diagnostic": name, **record(row, names)}) for identity, (name, row) in new.items()
    }


def may_listen(database: Database, caller: Caller) -> bool:
    """Whether the token that opened the stream is still good."""
    with database.reading() as session:
        return still_good(session, caller)


def get_listeners(request: Request) -> Listeners:
    listeners: Listeners = request.app.state.listeners
    return listeners


ListenersOf = Annotated[Listeners, Depends(get_listeners)]


def check_run(session: Reading, listeners: ListenersOf, identity: Identity) -> None:
    """Refuses before the stream begins."""
    runs.get(session, identity)
    listeners.check()


@router.get(
    "",
    responses=examples.ok(examples.EVENTS, "text/event-stream") | responses(404, 503),
    response_class=EventSourceResponse,
    dependencies=[Depends(check_run)],
    operation_id="follow_run",
)
async def follow(
    request: Request, database: DatabaseOf, caller: CallerOf, listeners: ListenersOf, identity: Identity
) -> AsyncIterator[ServerSentEvent]:
    """Streams events: `progress` (the run), `row` (a row with its diagnostic), and `end` (the run) when it has ended.

    Existing rows come first; a listener that keys rows by diagnostic, group and weight can reconnect
    at any time. Comments keep the connection open.
    """
    offset, last_payload, ended_at = 0, "", -math.inf
    look = partial(may_listen, database, caller)
    with listeners.place(identity) as broadcast, bell(request, identity) as rung:
        while caller.token is None or await listeners.is_good(caller.token, look):
            await broadcast.refresh(partial(look_at, database, identity), ended_at)
            state, rows = broadcast.state, broadcast.rows[offset : offset + PORTION]
            for row in rows:
                yield ServerSentEvent(event="row", raw_data=row)
            offset += len(rows)
            if state is None:
                return
            if offset < len(broadcast.rows):
                await listeners.pause()
                continue
            if state.payload != last_payload:
                yield ServerSentEvent(event="progress", raw_data=state.payload)
                last_payload = state.payload
            if state.ended and not rows:
                yield ServerSentEvent(event="end", raw_data=state.payload)
                return
            with anyio.move_on_after(0 if rows else LOOK_SECONDS):
                await rung.wait()
                rung.clear()
                ended_at = anyio.current_time()
