"""Runs: asked for, followed, stopped, deleted, and what they found."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app import reports, runs
from app.api.dependencies import Identity, Limit, Offset, Reading, Writing
from app.api.problems import responses
from app.api.shapes import Run, RunRequest, run_json

router = APIRouter(prefix="/runs", tags=["runs"])


@router.post("", status_code=201, responses=responses(400, 404, 409), operation_id="request_run")
def request(session: Writing, asked: RunRequest, incoming: Request, response: Response) -> Run:
    """Asks for a run. It starts when all its checkpoints are ready."""
    run = runs.request(session, asked.checkpoints, asked.diagnostics)
    response.headers["Location"] = f"{incoming.url.path}/{run.id}"
    return run_json(session, run)


@router.get("", operation_id="list_runs")
def listing(session: Reading, limit: Limit = 100, offset: Offset = 0) -> list[Run]:
    """The newest first."""
    return [run_json(session, run) for run in runs.listing(session, limit, offset)]


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


@router.get("/{identity}/report", responses=responses(404), operation_id="get_report")
def report(session: Reading, identity: Identity) -> dict[str, Any]:
    """Coverage, summary, tables and findings: the object that `eigenscope analyze --json` prints."""
    return reports.report(session, identity).to_json()
