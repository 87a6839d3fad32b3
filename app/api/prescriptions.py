"""Prescriptions: what a published rule says of a run's layers, with files that other tools read."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from analysis.prescriptions.prescription import Prescription as Computed
from app import models, prescriptions
from app.api.files.downloads import BODY, BYTES, safe_name
from app.api.schemas import Scalar
from app.web.dependencies import DatabaseOf, Identity, Number, Reading, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/prescriptions", tags=["prescriptions"], route_class=OnceRoute)
RECORD = {"kind": "sparsity", "estimator": "alpha_peak", "entries": {"model.layers.0.mlp.up_proj.weight": 0.47}}
Name = Annotated[str, Path(description="One of its `files`.", examples=["prescription.json"])]


class PrescriptionRequest(BaseModel):
    """Which rule, with which options."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"kind": "sparsity", "options": {"target": 0.5}}]}
    )

    kind: str = Field(max_length=64, description="A rule of docs/prescriptions.md that reads tables.")
    options: dict[str, Scalar] = Field(default_factory=dict, max_length=50, examples=[{"target": 0.5}])
    position: int = Field(0, ge=0, le=1000, description="Place of the checkpoint in the run.")


class Prescription(BaseModel):
    """What a rule says of one checkpoint of a run."""

    id: int = Field(examples=[1])
    run: int = Field(examples=[1])
    position: int = Field(examples=[0])
    kind: str = Field(examples=["sparsity"])
    record: dict[str, Any] = Field(description="The content of prescription.json.", examples=[RECORD])
    files: list[str] = Field(examples=[["prescription.json", "llm_compressor.yaml"]])
    created_at: datetime


def prescription_json(row: models.Prescription) -> Prescription:
    return Prescription(
        id=row.id,
        run=row.run_id,
        position=row.position,
        kind=row.kind,
        record=row.record,
        files=prescriptions.names(row),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
    )


def compute(database: DatabaseOf, identity: Identity, asked: PrescriptionRequest) -> Computed:
    """The answer, computed before the transaction that writes it begins."""
    with database.reading() as session:
        return prescriptions.compute(session, identity, asked.kind, asked.options, asked.position)


@router.post(
    "", status_code=201, responses=responses(400, 404, 409), dependencies=[Depends(compute), Once],
    operation_id="request_prescription",
)  # fmt: skip
def request(
    session: Writing,
    identity: Identity,
    asked: PrescriptionRequest,
    found: Annotated[Computed, Depends(compute)],
    incoming: Request,
    response: Response,
) -> Prescription:
    """Computes what a rule says of the run's tables, and keeps it with its files."""
    row = prescriptions.add(session, identity, asked.position, found)
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
    "/{number}/files/{name:path}",
    response_class=Response,
    responses=BODY | responses(404),
    operation_id="download_prescription",
)
def download(session: Reading, identity: Identity, number: Number, name: Name) -> Response:
    """Downloads one of its files."""
    content = prescriptions.content(prescriptions.get(session, identity, number), name)
    headers = {"Content-Disposition": f'attachment; filename="{safe_name(name)}"'.encode("ascii", "replace").decode()}
    return Response(content, media_type=BYTES, headers=headers)
