"""Verdicts: what a policy says of a run, as JSON, JUnit, Markdown and a badge."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from analysis.gate.schema import schema
from app import models
from app.api import examples
from app.api.schemas import moment
from app.db import Database, Session
from app.gate import junit, markdown, verdicts
from app.runs import runs
from app.states import VerdictState
from app.web.dependencies import LARGEST_ID, DatabaseOf, Identity, Number, Reading, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.long_poll import Seconds, WaitingOf, wait_until
from app.web.problems import responses
from frontend.badge import badge

router = APIRouter(prefix="/runs/{id}", tags=["verdicts"], route_class=OnceRoute)
schemas = APIRouter(tags=["verdicts"])

EXAMPLE = "rules:\n  - {column: esd.alpha, aggregate: median, between: [2, 6]}\n"
Form = Literal["json", "xml", "md", "svg"]
TYPES: dict[str, str] = {
    "json": "application/json",
    "xml": "application/xml",
    "md": "text/markdown; charset=utf-8",
    "svg": "image/svg+xml",
}
ACCEPTED = {"application/xml": "xml", "text/xml": "xml", "text/markdown": "md", "image/svg+xml": "svg"}
PolicyText = Annotated[
    str | dict[str, Any],
    Field(description="YAML text, or the same as JSON; see /api/v1/policy-schema.", examples=[EXAMPLE]),
]
RunId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
CheckpointName = Annotated[str, Field(min_length=1, max_length=255)]
BaselineOf = Annotated[
    RunId | CheckpointName | dict[str, Any] | None,
    Field(
        description="What to compare with: a run's id, a checkpoint's name (its last finished run), or a report.",
        examples=["model@main"],
    ),
]  # fmt: skip


class VerdictRequest(BaseModel):
    """A policy, and what to compare with."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"policy": EXAMPLE}]})

    policy: PolicyText
    baseline: BaselineOf = None


class Verdict(BaseModel):
    """The result of a policy on a run."""

    id: int = Field(examples=[1])
    run: int = Field(examples=[1])
    checkpoint: str = Field(description="The name of the run's last checkpoint.", examples=["model@main"])
    state: Literal["waiting", "done"] = Field(description="“waiting” until the run has ended.", examples=["done"])
    verdict: Literal["pass", "warn", "insufficient", "fail"] | None = Field(examples=["pass"])
    passed: bool | None = Field(description="Whether the gate is open.", examples=[True])
    headline: str | None = Field(examples=["The gate is open: every rule holds."])
    ended: str | None = Field(description="Why the run ended early, which closes the gate.", examples=[None])
    rules: list[dict[str, Any]] = Field(description="The result of each rule, with the layers that break it.")
    version: int | None = Field(description="Of this form of a verdict.", examples=[1])
    policy: dict[str, Any] = Field(description="The policy with all defaults.", examples=[{"rules": []}])
    source: str = Field(description="The policy as it was sent.", examples=[EXAMPLE])
    baseline_run: int | None = Field(examples=[None])
    has_baseline: bool = Field(examples=[False])
    created_at: datetime
    judged_at: datetime | None


def verdict_json(session: Session, row: models.Verdict) -> Verdict:
    result: dict[str, Any] = row.result or {}
    return Verdict(
        id=row.id,
        run=row.run_id,
        checkpoint=verdicts.subject(session, row.run_id),
        state=VerdictState.WAITING if row.result is None else VerdictState.DONE,
        verdict=result.get("verdict"),
        passed=result.get("passed"),
        headline=result.get("headline"),
        ended=result.get("ended"),
        rules=result.get("rules", []),
        version=result.get("version"),
        policy=row.policy,
        source=row.source,
        baseline_run=row.baseline_run_id,
        has_baseline=row.baseline is not None and verdicts.NO_BASELINE not in row.baseline,
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        judged_at=moment(row.judged_at),
    )


def prepare(database: DatabaseOf, identity: Identity, asked: VerdictRequest) -> verdicts.Request:
    """What is asked for, understood and judged before the transaction that writes it begins."""
    policy = verdicts.parse_policy(asked.policy)
    with database.reading() as session:
        run = runs.get(session, identity)
        return verdicts.prepare(session, policy, verdicts.source_of(asked.policy), asked.baseline, run)


@router.post(
    "/verdicts", status_code=201, responses=responses(400, 404, 409), dependencies=[Depends(prepare), Once],
    operation_id="request_verdict",
)  # fmt: skip
def request(
    session: Writing,
    identity: Identity,
    prepared: Annotated[verdicts.Request, Depends(prepare)],
    incoming: Request,
    response: Response,
) -> Verdict:
    """Checks a policy against the run: at once if it has ended, otherwise as soon as it does."""
    verdict = verdicts.add(session, runs.get(session, identity), prepared)
    response.headers["Location"] = f"{incoming.url.path}/{verdict.id}"
    return verdict_json(session, verdict)


@router.get("/verdicts", responses=responses(404), operation_id="list_verdicts")
def listing(session: Reading, identity: Identity) -> list[Verdict]:
    """Lists the run's verdicts, newest first; at most 100."""
    return [verdict_json(session, row) for row in verdicts.listing(session, identity)]


KINDS: dict[str, Any] = {
    kind.partition(";")[0]: {"example": examples.VERDICT[form]} if form in examples.VERDICT else {}
    for form, kind in TYPES.items()
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The verdict.", "model": Verdict, "content": KINDS},
    202: {"description": "The run has not ended yet.", "model": Verdict},
    **responses(404, 503),
}
FORM = Path(description="json, xml (JUnit), md (Markdown) or svg (a badge).", examples=["md"])


@router.get("/verdict", responses=ANSWERS, response_class=JSONResponse, operation_id="get_last_verdict")
async def last(
    incoming: Request, database: DatabaseOf, waiting: WaitingOf, identity: Identity, wait: Seconds = 0
) -> Response:
    """Returns the run's newest verdict in the format of `Accept`; with `wait`, once the run has ended."""
    verdict = await _wait_for_verdict(incoming, database, waiting, identity, None, wait)
    return write_verdict(incoming, verdict, accepted_form(incoming))


@router.get("/verdict.{form}", responses=ANSWERS, response_class=JSONResponse, operation_id="get_last_verdict_as")
async def last_as(
    incoming: Request,
    database: DatabaseOf,
    waiting: WaitingOf,
    identity: Identity,
    form: Annotated[Form, FORM],
    wait: Seconds = 0,
) -> Response:
    """Returns the run's newest verdict in this format."""
    return write_verdict(incoming, await _wait_for_verdict(incoming, database, waiting, identity, None, wait), form)


@router.get("/verdicts/{number}.{form}", responses=ANSWERS, response_class=JSONResponse, operation_id="get_verdict_as")
async def show_as(
    incoming: Request,
    database: DatabaseOf,
    waiting: WaitingOf,
    identity: Identity,
    number: Number,
    form: Annotated[Form, FORM],
    wait: Seconds = 0,
) -> Response:
    """Returns one verdict in this format."""
    return write_verdict(incoming, await _wait_for_verdict(incoming, database, waiting, identity, number, wait), form)


@router.get("/verdicts/{number}", responses=ANSWERS, response_class=JSONResponse, operation_id="get_verdict")
async def show(
    incoming: Request,
    database: DatabaseOf,
    waiting: WaitingOf,
    identity: Identity,
    number: Number,
    wait: Seconds = 0,
) -> Response:
    """Returns one verdict in the format of `Accept`."""
    verdict = await _wait_for_verdict(incoming, database, waiting, identity, number, wait)
    return write_verdict(incoming, verdict, accepted_form(incoming))


async def _wait_for_verdict(
    incoming: Request, database: Database, waiting: WaitingOf, run_id: int, number: int | None, seconds: float
) -> Verdict:
    return await wait_until(
        incoming,
        waiting,
        seconds,
        lambda: look_at_verdict(database, run_id, number),
        lambda found: found.state == VerdictState.DONE.value,
        run_id,
    )


def look_at_verdict(database: Database, run_id: int, number: int | None) -> Verdict:
    """The verdict as it is; one that can be made now is made."""
    with database.reading() as session:
        row = verdicts.latest(session, run_id) if number is None else verdicts.get(session, run_id, number)
        if row.result is not None or not verdicts.ready(session, row):
            return verdict_json(session, row)
        result = verdicts.result_of(session, row)
    with database.writing() as session:
        return verdict_json(session, verdicts.store(session, verdicts.get(session, run_id, row.id), result))


def accepted_form(incoming: Request) -> Form:
    """The form that `Accept` names first; JSON where it names none of ours."""
    for part in incoming.headers.get("accept", "").split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in ACCEPTED:
            return ACCEPTED[kind]  # type: ignore[return-value]
        if kind == "application/json":
            break
    return "json"


def write_verdict(incoming: Request, verdict: Verdict, form: Form) -> Response:
    """The verdict in a form; before there is one, JSON that says so, or a badge that does."""
    body = verdict.model_dump(mode="json")
    is_done = verdict.state == VerdictState.DONE.value
    if form == "svg":
        return Response(badge(verdict.verdict or "pending"), 200, {"Vary": "Accept"}, TYPES["svg"])
    if form == "json" or not is_done:
        return JSONResponse(body, 200 if is_done else 202, {"Vary": "Accept"})
    body["link"] = f"{incoming.base_url}runs/{verdict.run}"
    text = junit.write(body) if form == "xml" else markdown.write(body)
    return Response(text.encode("utf-8", "replace"), 200, {"Vary": "Accept"}, TYPES[form])


@schemas.get("/policy-schema", operation_id="get_policy_schema")
def policy_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a policy, for editors: every diagnostic and column by its name."""
    return schema()
