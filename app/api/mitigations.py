"""Mitigations: intruder dimensions of a tuned checkpoint made smaller, as a new checkpoint beside it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.config import JsonDict

from analysis.mitigation import OPTIONS, RANK
from app import mitigations, models
from app.api.schemas import Reason, Scalar, moment, option_schema, reason
from app.web.dependencies import LARGEST_ID, NUMBER, Identity, Reading, Writing
from app.web.idempotency import Once, OnceRoute
from app.web.pagination import PAGED, PageOf
from app.web.problems import responses

router = APIRouter(prefix="/mitigations", tags=["mitigations"], route_class=OnceRoute)

NAMED = {option.name: option for option in (*OPTIONS, RANK)}
EXAMPLE: JsonDict = {"base": 1, "tuned": 2, "lambda": 0.75}


def _schema(name: str) -> WithJsonSchema:
    return WithJsonSchema(option_schema(NAMED[name]))


CheckpointId = Annotated[int, Field(ge=1, le=LARGEST_ID), NUMBER]


class MitigationRequest(BaseModel):
    """Which intruders to shrink, and by how much."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    base: CheckpointId = Field(description="The base model of the tuned checkpoint.")
    tuned: CheckpointId = Field(description="A full fine-tune, or an adapter.")
    name: str | None = Field(None, max_length=255, description="Name of the mitigated checkpoint.")
    factor: Annotated[Scalar, _schema("lambda")] = Field(NAMED["lambda"].default, alias="lambda")
    k: Annotated[Scalar, _schema("k")] = NAMED["k"].default
    epsilon: Annotated[Scalar, _schema("epsilon")] = NAMED["epsilon"].default
    only: Annotated[Scalar, _schema("only")] = NAMED["only"].default
    form: Annotated[Scalar, _schema("form")] = NAMED["form"].default
    rank: Annotated[Scalar, WithJsonSchema({"anyOf": [option_schema(RANK), {"type": "null"}]})] = None

    @property
    def options(self) -> dict[str, object]:
        """By their own names, as analysis.mitigation checks them."""
        return self.model_dump(by_alias=True, include={"factor", "k", "epsilon", "only", "form", "rank"})


class MitigatedWeight(BaseModel):
    """A matrix that was compared with the base."""

    weight: str = Field(examples=["encoder.layer.4.output.dense.weight"])
    label: str = Field(examples=["Block 4 · MLP down"])
    shape: list[int] = Field(examples=[[384, 1536]])
    before: int | None = Field(description="Its intruders.", examples=[4])
    after: int | None = Field(description="Counted in the file that was written.", examples=[1])
    rank_before: int | None = Field(description="Of the adapter's module.", examples=[8])
    rank: int | None = Field(examples=[8])
    energy_lost: float | None = Field(
        description="Share of the mitigated update that the low rank removed.", examples=[0.001]
    )
    note: str | None = Field(examples=[None])


class MitigationReport(BaseModel):
    """What was done."""

    form: Literal["adapter", "weights"] = Field(examples=["adapter"])
    files: list[str] = Field(examples=[["adapter_config.json", "adapter_model.safetensors"]])
    before: int = Field(description="Intruders in all matrices.", examples=[31])
    after: int = Field(examples=[12])
    matrices: int = Field(description="Compared with the base.", examples=[36])
    matrices_with: int = Field(description="Matrices with an intruder before.", examples=[17])
    energy_lost: float | None = Field(description="For all mitigated modules together.", examples=[0.002])
    weights: list[MitigatedWeight]
    left_out: list[str] = Field(description="What this form cannot express of the tuned checkpoint.")


class Mitigation(BaseModel):
    """A request for a mitigated checkpoint, and its result."""

    id: int = Field(examples=[1])
    name: str = Field(description="Name of the mitigated checkpoint.", examples=["LoRA r=8 mitigated λ=0.75"])
    base: int | None = Field(description="Null if it was deleted.", examples=[1])
    tuned: int | None = Field(examples=[2])
    options: dict[str, Scalar] = Field(examples=[{"lambda": 0.75, "k": 10, "epsilon": 0.5}])
    state: Literal["queued", "making", "done", "failed"] = Field(examples=["done"])
    reason: Reason | None = Field(description="Why it failed.", examples=[None])
    current: str | None = Field(description="What is being processed now.", examples=["Block 4 · MLP down"])
    checkpoint: int | None = Field(description="The mitigated checkpoint.", examples=[3])
    run: int | None = Field(description="The run that compares base, fine-tuned and mitigated.", examples=[7])
    report: MitigationReport | None = Field(description="What was done, once it is done.")
    created_at: datetime
    finished_at: datetime | None


def mitigation_json(row: models.Mitigation) -> Mitigation:
    report: dict[str, Any] | None = row.report
    return Mitigation(
        id=row.id,
        name=row.name,
        base=row.base_id,
        tuned=row.tuned_id,
        options=row.recipe,
        state=row.state,
        reason=reason(row.reason_code, row.reason),
        current=row.current,
        checkpoint=row.checkpoint_id,
        run=row.run_id,
        report=None if report is None else MitigationReport.model_validate(report),
        created_at=datetime.fromtimestamp(row.created_at, UTC),
        finished_at=moment(row.finished_at),
    )


@router.post(
    "", status_code=201, responses=responses(400, 404, 409, 413), dependencies=[Once], operation_id="request_mitigation"
)  # fmt: skip
def request(session: Writing, asked: MitigationRequest, incoming: Request, response: Response) -> Mitigation:
    """Requests a mitigated checkpoint: W' = W + (λ − 1) Σ u σ vᵀ over the intruders of each tuned matrix W.

    A worker creates it as a checkpoint to download and analyse, and a run compares the three.
    """
    mitigation = mitigations.request(session, asked.base, asked.tuned, asked.options, asked.name)
    response.headers["Location"] = f"{incoming.url.path}/{mitigation.id}"
    return mitigation_json(mitigation)


@router.get("", responses=PAGED | responses(400), operation_id="list_mitigations")
def listing(session: Reading, page: PageOf) -> list[Mitigation]:
    """Lists them, newest first."""
    rows = mitigations.listing(session, page.limit + 1, page.number)
    return [mitigation_json(row) for row in page.page_of(rows, lambda row: row.id)]


@router.get("/{id}", responses=responses(404), operation_id="get_mitigation")
def show(session: Reading, identity: Identity) -> Mitigation:
    """Returns one mitigation and its result."""
    return mitigation_json(mitigations.get(session, identity))


@router.delete("/{id}", status_code=204, responses=responses(404), operation_id="delete_mitigation")
def delete(session: Writing, identity: Identity) -> None:
    """Deletes it and stops it if it is running. The checkpoint that it created stays."""
    mitigations.delete(session, identity)
