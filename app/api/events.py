"""A run as it happens, over server-sent events, read from its rows."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends
from fastapi.sse import EventSourceResponse, ServerSentEvent

from analysis.report import record
from app.access.callers import Caller, still_good
from app.api import examples
from app.api.schemas import Run, run_json
from app.db import Database
from app.runs import reports, runs
from app.runs.members import names_of
from app.states import ENDED
from app.web.dependencies import CallerOf, DatabaseOf, Identity, Reading
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/events", tags=["runs"])
LOOK_SECONDS = 0.5


class Watch:
    """What a listener has received of a run."""

    def __init__(self, database: Database, caller: Caller, run_id: int) -> None:
        self._database, self._caller, self._run_id = database, caller, run_id
        self._heard: set[int] = set()  # ids do not come in order where several workers commit

    def look(self) -> tuple[Run | None, list[dict[str, Any]]]:
        """The run and the rows that are new. None where it was deleted, or the token that opened this is good no more.

        Rows are read after the state.
        """
        with self._database.reading() as session:
            run = runs.find(session, self._run_id) if still_good(session, self._caller) else None
            shape = None if run is None else run_json(session, run)
            names = () if run is None else names_of(run)
        with self._database.reading() as session:
            new = reports.rows_since(session, self._run_id, self._heard)
        self._heard.update(new)
        return shape, [{"diagnostic": name, **record(row, names)} for name, row in new.values()]


def check_run(session: Reading, identity: Identity) -> None:
    """Refuses before the stream begins."""
    runs.get(session, identity)


@router.get(
    "",
    responses=examples.ok(examples.EVENTS, "text/event-stream") | responses(404),
    response_class=EventSourceResponse,
    dependencies=[Depends(check_run)],
    operation_id="follow_run",
)
async def follow(database: DatabaseOf, caller: CallerOf, identity: Identity) -> AsyncIterator[ServerSentEvent]:
    """Streams events: `progress` (the run), `row` (a row with its diagnostic), and `end` (the run) when it has ended.

    Existing rows come first; a listener that keys rows by diagnostic, group and weight can reconnect
    at any time. Comments keep the connection open.
    """
    watch, said = Watch(database, caller, identity), ""
    while True:
        run, rows = await run_sync(watch.look)
        for row in rows:
            yield ServerSentEvent(event="row", data=row)
        if run is None:
            return
        told = run.model_dump_json()
        if told != said:
            yield ServerSentEvent(event="progress", raw_data=told)
            said = told
        if run.state in ENDED and not rows:
            yield ServerSentEvent(event="end", raw_data=told)
            return
        await anyio.sleep(0 if rows else LOOK_SECONDS)
