"""Prescriptions: what a published rule says of a run's layers, with files that other tools read."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field

from analysis.names.order import network_order
from analysis.prescriptions import rule
from analysis.prescriptions.prescription import Prescription as Computed
from app import models, prescriptions, retention
from app.api import examples
from app.api.files.downloads import BODY, BYTES, safe_name
from app.api.schemas import Reason, Scalar, moment, reason
from app.errors import BadRequest
from app.web.dependencies import NUMBER, DatabaseOf, Identity, Number, Reading, StorageOf, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.problems import responses
from frontend.figures.bars import draw_bars

router = APIRouter(prefix="/runs/{id}/prescriptions", tags=["prescriptions"], route_class=OnceRoute)
RECORD = {"kind": "sparsity", "estimator": "alpha_peak", "entries": {"model.layers.0.mlp.up_proj.weight": 0.47}}
Name = Annotated[str, InPath(description="One of its `files`.", examples=["prescription.json"])]


Place = Annotated[int, Field(ge=0, le=1000), NUMBER]


class PrescriptionRequest(BaseModel):
    """Which rule, with which options, of which checkpoints."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "sparsity", "options": {"target": 0.5}}]}
    )

    kind: str = Field(max_length=64, description="A rule of docs/prescriptions.md.")
    options: dict[str, Scalar] = Field(default_factory=dict, max_length=50, examples=[{"target": 0.5}])
    position: Place | None = Field(
        None, description="Place of the checkpoint in the run; a rule on updates takes the base with it."
    )
    positions: list[Place] | None = Field(
        None, min_length=1, max_length=16, description="For a rule on several checkpoints: their places, in its order."
    )
    weights: bool = Field(
        False,
        strict=True,
        description="Let a worker measure the weights, also for a rule that could read the run's tables.",
    )


class Prescription(BaseModel):
    """What a rule says of checkpoints of a run."""

    id: int = Field(examples=[1])
    run: int = Field(examples=[1])
    position: int = Field(description="Of the last of its checkpoints.", examples=[0])
    positions: list[int] = Field(description="Of all of them, in the order that the rule takes them.", examples=[[0]])
    kind: str = Field(examples=["sparsity"])
    options: dict[str, Scalar] = Field(examples=[{"target": 0.5}])
    state: Literal["queued", "running", "done", "failed"] = Field(examples=["done"])
    reason: Reason | None = Field(description="Why it failed.", examples=[None])
    current: str | None = Field(description="What is being processed now.", examples=[None])
    record: dict[str, Any] | None = Field(
        description="The content of prescription.json, once it is done.", examples=[RECORD]
    )
    files: list[str] = Field(description="Once it is done.", examples=[["prescription.json", "llm_compressor.yaml"]])
    created_at: datetime
    finished_at: datetime | None


def prescription_json(row: models.Prescription) -> Prescription:
    return Prescription(
        id=row.id,
        run=row.run_id,
        position=row.position,
        positions=row.positions,
        kind=row.kind,
        options=row.options,
        state=row.state,
        reason=reason(row.reason_code, row.reason),
        current=row.current,
        record=row.record or None,
        files=prescriptions.file_names(row),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        finished_at=moment(row.finished_at),
    )


def compute(database: DatabaseOf, identity: Identity, asked: PrescriptionRequest) -> Computed | None:
    """The answer of a rule on tables, computed before the transaction that writes it begins; None: a worker's."""
    if rule(asked.kind) in prescriptions.FROM_WEIGHTS or asked.weights:
        return None
    with database.reading() as session:
        return prescriptions.compute(session, identity, asked.kind, asked.options, _place(asked))


def _place(asked: PrescriptionRequest) -> int:
    """Of the one checkpoint that a rule on tables looks at."""
    places = asked.positions or [asked.position or 0]
    if len(places) > 1:
        raise BadRequest(f"{asked.kind} looks at one checkpoint: name one position.")
    return places[0]


@router.post(
    "",
    status_code=201,
    responses=responses(400, 403, 404, 409) | {202: {"model": Prescription, "description": "Queued for a worker"}},
    dependencies=[Depends(compute), Once],
    operation_id="request_prescription",
)
def request(
    session: Writing,
    identity: Identity,
    asked: PrescriptionRequest,
    found: Annotated[Computed | None, Depends(compute)],
    incoming: Request,
    response: Response,
) -> Prescription:
    """Asks a rule: one on the run's tables is answered at once, one on the weights by a worker (202, and `state`).

    The weights of all its checkpoints must be there: 409 `weights-deleted` where retention deleted them.
    """
    if found is None:
        row = prescriptions.request(session, identity, asked.kind, asked.options, asked.positions, asked.position)
        response.status_code = 202
    else:
        row = prescriptions.add(session, identity, _place(asked), found)
    response.headers["Location"] = f"{incoming.url.path}/{row.id}"
    return prescription_json(row)


@router.get("", responses=responses(404), operation_id="list_prescriptions")
def listing(session: Reading, identity: Identity) -> list[Prescription]:
    """Lists the run's prescriptions, newest first; at most 100."""
    return [prescription_json(row) for row in prescriptions.listing(session, identity)]


@router.get("/{number}", responses=responses(404), operation_id="get_prescription")
def show(session: Reading, identity: Identity, number: Number) -> Prescription:
    """Returns one prescription."""
    return prescription_json(prescriptions.get(session, identity, number))


@router.get(
    "/{number}/figure",
    responses=examples.ok(examples.FIGURE) | responses(404),
    response_model=dict[str, Any],
    operation_id="get_prescription_figure",
)
def figure(session: Reading, identity: Identity, number: Number) -> dict[str, Any]:
    """A bar for each layer as `{"data": […], "layout": {…}}` for Plotly; no data before it is done."""
    row = prescriptions.get(session, identity, number)
    entries = row.record.get("entries", {})
    names = network_order(entries)
    values = [_number(entries[name]) for name in names]
    return draw_bars(names, values, rule(row.kind).value, _number(row.record.get("doubt", {}).get("uniform")))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@router.delete("/{number}", status_code=204, responses=responses(404), operation_id="delete_prescription")
def delete(database: DatabaseOf, storage: StorageOf, identity: Identity, number: Number) -> None:
    """Deletes it with its files, and stops it if it is running."""
    with database.writing() as session:
        digests = prescriptions.delete(session, identity, number)
    with database.writing() as session:
        retention.collect(session, storage, digests)


@router.get(
    "/{number}/files/{name:path}",
    response_class=Response,
    responses=BODY | responses(404),
    operation_id="download_prescription",
)
def download(session: Reading, storage: StorageOf, identity: Identity, number: Number, name: Name) -> Response:
    """Downloads one of its files."""
    found = prescriptions.find_file(prescriptions.get(session, identity, number), storage, name)
    if isinstance(found, Path):
        return FileResponse(found, media_type=BYTES, filename=safe_name(name))
    headers = {"Content-Disposition": f'attachment; filename="{safe_name(name)}"'.encode("ascii", "replace").decode()}
    return Response(found, media_type=BYTES, headers=headers)
