"""Runs: asked for, followed, stopped, deleted, and what they found."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.width_scaling.advice import advice
from app import etags
from app.api import examples
from app.api.run_requests import CreatedRun, RunRequest, requested_json
from app.api.schemas import Run, RunUpdate, run_json
from app.db import Session
from app.gate import verdicts
from app.lists import labels
from app.lists import runs as run_list
from app.lists.parameters import RunFilters
from app.lists.selection import parse_place
from app.runs import markdown, reports, runs
from app.states import ENDED
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, Limit, Reading, ReportsOf, SettingsOf, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.long_poll import Seconds, WaitingOf, wait_until
from app.web.pagination import COUNTED, Answering, Cursor
from app.web.problems import responses
from app.webhooks import deliveries
from app.webhooks import sending as webhooks

Target = Annotated[
    int | None, Query(ge=1, le=10**9, description="Width of the recipe. Default: twice the widest.", examples=[2048])
]
router = APIRouter(prefix="/runs", tags=["runs"], route_class=OnceRoute)


def prepare(database: DatabaseOf, asked: RunRequest) -> verdicts.Request | None:
    """The verdict that is asked for, understood before the transaction that writes begins."""
    if asked.policy is None:
        return None
    policy = verdicts.parse_policy(asked.policy)
    with database.reading() as session:
        return verdicts.prepare(session, policy, verdicts.source_of(asked.policy), asked.baseline)


@router.post(
    "", status_code=201, responses=responses(400, 404, 409, 413), dependencies=[Depends(prepare), Once],
    operation_id="request_run",
)  # fmt: skip
def request(
    session: Writing,
    settings: SettingsOf,
    asked: RunRequest,
    prepared: Annotated[verdicts.Request | None, Depends(prepare)],
    incoming: Request,
    response: Response,
) -> CreatedRun:
    """Creates a run, and with a policy a verdict on it. It starts when all its checkpoints are ready."""
    diagnostics = asked.diagnostics
    if prepared is not None and diagnostics is None:
        diagnostics = prepared.policy.diagnostics(len(asked.checkpoints))
    run = runs.request(session, asked.checkpoints, diagnostics)
    if prepared is not None:
        verdicts.add(session, run, prepared)
    hook = None
    if asked.webhook is not None:
        webhooks.check(asked.webhook, settings)
        hook = deliveries.hook(session, asked.webhook, run)
    response.headers["Location"] = f"{incoming.url.path}/{run.id}"
    return requested_json(session, run, hook)


class RunPage(RunFilters):
    """Filters, and which page."""

    limit: Limit = 100
    cursor: Cursor = None


@router.get("", responses=COUNTED | responses(400), operation_id="list_runs")
def listing(incoming: Request, response: Response, session: Reading, asked: Annotated[RunPage, Query()]) -> list[Run]:
    """Lists them, newest first: searched, filtered and sorted. Archive and trash are parts of their own."""
    page = Answering(incoming, response, asked.limit, asked.cursor)
    selection = asked.selection()
    found = run_list.find(session, selection, page.limit + 1, parse_place(page.name))
    response.headers["X-Total-Count"] = str(run_list.count(session, selection))
    return [run_json(session, run) for run, _ in page.page_of(found, lambda one: one[1].to_text())]


@router.patch("/{id}", responses=responses(400, 404, 409), operation_id="edit_run")
def edit(session: Writing, identity: Identity, asked: RunUpdate) -> Run:
    """Names it, or changes its tags, notes, archive or trash."""
    row = labels.rename(session, identity, asked.name)
    labels.change(session, row, asked.change())
    return run_json(session, row)


@router.get("/{id}", responses=responses(404, 503), operation_id="get_run")
async def show(
    incoming: Request, database: DatabaseOf, waiting: WaitingOf, identity: Identity, wait: Seconds = 0
) -> Run:
    """Returns one run with its progress; with `wait`, once it has ended or this many seconds have passed."""

    def look() -> Run:
        with database.reading() as session:
            return run_json(session, runs.get(session, identity))

    return await wait_until(incoming, waiting, wait, look, lambda run: run.state in ENDED, identity)


@router.post("/{id}/cancel", responses=responses(404), operation_id="cancel_run")
def cancel(session: Writing, identity: Identity) -> Run:
    """Cancels it: workers stop after the current tensor. Results so far stay. An ended run is not changed."""
    return run_json(session, runs.cancel(session, identity))


@router.delete("/{id}", status_code=204, responses=responses(404), operation_id="delete_run")
def delete(session: Writing, identity: Identity) -> None:
    """Deletes it with all its results."""
    runs.delete(session, identity)


@router.get(
    "/{id}/report",
    responses=examples.ok(examples.REPORT) | kept.UNCHANGED | responses(404),
    response_model=dict[str, Any],
    operation_id="get_report",
)
async def report(request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity) -> Response:
    """Returns coverage, summary, tables, findings and options: the object that `eigenscope analyze --json` prints."""

    def make(session: Session) -> kept.Made:
        return kept.make_entry(report_cache.find(session, identity).report.to_json())

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make)


@router.get(
    "/{id}/report.md",
    responses={200: {"content": {"text/markdown": {"schema": {"type": "string"}, "example": examples.MARKDOWN}}}}
    | kept.UNCHANGED
    | responses(404),
    response_class=Response,
    operation_id="get_report_as_markdown",
)
async def report_as_markdown(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity
) -> Response:
    """Returns headlines, findings with what to do, coverage and the first rows as Markdown."""

    def make(session: Session) -> kept.Made:
        found = report_cache.find(session, identity).report
        text = markdown.write(found, runs.get(session, identity).name or ", ".join(found.names))
        headers = {"Content-Disposition": f'attachment; filename="run-{identity}.md"'}
        return kept.Made(text.encode("utf-8", "replace"), headers)

    version = partial(etags.of_run, identity=identity)
    return await kept.answer(request, database, version, make, "text/markdown; charset=utf-8")


@router.get("/{id}/scaling", responses=responses(400, 404), operation_id="get_scaling")
def scaling(session: Reading, identity: Identity, target_width: Target = None) -> dict[str, Any]:
    """For a run with `top_singular_value`: the fits, the recipe, and what would fix a drift, from the current facts."""
    table = reports.table(session, identity, TOP_SINGULAR_VALUE.name)
    return {"checkpoints": list(table.names), **advice(table, target_width)}
