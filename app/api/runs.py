"""Runs: asked for, followed, stopped, deleted, and what they found."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app import editions, reports, runs
from app.api import examples, kept
from app.api.cursors import PAGED, PageOf
from app.api.dependencies import DatabaseOf, Identity, Reading, Writing
from app.api.problems import responses
from app.api.shapes import Run, RunRequest, run_json

router = APIRouter(prefix="/runs", tags=["runs"])


@router.post("", status_code=201, responses=responses(400, 404, 409, 413), operation_id="request_run")
def request(session: Writing, asked: RunRequest, incoming: Request, response: Response) -> Run:
    """Asks for a run. It starts when all its checkpoints are ready."""
    run = runs.request(session, asked.checkpoints, asked.diagnostics)
    response.headers["Location"] = f"{incoming.url.path}/{run.id}"
    return run_json(session, run)


@router.get("", responses=PAGED | responses(400), operation_id="list_runs")
def listing(session: Reading, page: PageOf) -> list[Run]:
    """The newest first."""
    found = page.shown(runs.listing(session, page.limit + 1, page.number), lambda row: row.id)
    return [run_json(session, run) for run in found]


@router.get("/{identity}", responses=responses(404), operation_id="get_run")
def show(session: Reading, identity: Identity) -> Run:
    """One run, with its progress."""
    return run_json(session, runs.get(session, identity))


@router.post("/{identity}/cancel", responses=responses(404), operation_id="cancel_run")
def cancel(session: Writing, identity: Identity) -> Run:
    """Stops it: workers stop after the tensor in hand. What it found so far stays. An ended run stays as it is."""
    return run_json(session, runs.cancel(session, identity))


@router.delete("/{identity}", status_code=204, responses=responses(404), operation_id="delete_run")
def delete(session: Writing, identity: Identity) -> None:
    """Deletes it with everything that it found."""
    runs.delete(session, identity)


@router.get(
    "/{identity}/report",
    responses=examples.ok(examples.REPORT) | kept.UNCHANGED | responses(404),
    response_model=dict[str, Any],
    operation_id="get_report",
)
def report(request: Request, database: DatabaseOf, identity: Identity) -> Response:
    """Coverage, summary, tables and findings: the object that `eigenscope analyze --json` prints."""
    with database.reading() as session:

        def made() -> kept.Made:
            return kept.made(reports.report(session, identity).to_json())

        return kept.answer(request, editions.of_run(session, identity), made)
