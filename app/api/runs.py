"""Runs: asked for, followed, stopped, deleted, and what they found."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from analysis.advice import advice
from analysis.diagnostics.top_singular_value import TOP_SINGULAR_VALUE
from app import reports, runs
from app.api.dependencies import Identity, Limit, Offset, Reading, Writing
from app.api.problems import responses
from app.api.shapes import Run, RunRequest, run_json

Target = Annotated[
    int | None, Query(ge=1, le=10**9, description="Width of the recipe. Default: twice the widest.", examples=[2048])
]
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


@router.get("/{identity}/scaling", responses=responses(400, 404), operation_id="get_scaling")
def scaling(session: Reading, identity: Identity, target_width: Target = None) -> dict[str, Any]:
    """Of a run with `top_singular_value`: the fits, the recipe, and what would mend a drift, by the facts of now."""
    found = reports.table(session, identity, TOP_SINGULAR_VALUE.name)
    return {"checkpoints": list(found.names), **advice(found, target_width)}
