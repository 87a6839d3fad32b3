"""Curves: one of a diagnostic's curves on every weight, for whoever counts anew what a run counted."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from app import etags
from app.db import Session
from app.errors import NotFound
from app.runs import reports
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/curves", tags=["tables"])


class CurveRow(BaseModel):
    """A curve and the weight that it belongs to."""

    weight: str = Field(examples=["encoder.layer.0.attention.self.query.weight"])
    role: str = Field(examples=["q"])
    depth: int | None = Field(examples=[0])
    group: list[int] = Field(description="Positions of the checkpoints in the run.", examples=[[0, 1]])
    values: list[float] = Field(description="As stored, in float32.", examples=[[0.98, 0.31]])


class CurvePage(BaseModel):
    """One curve for every weight that has it so far."""

    diagnostic: str = Field(examples=["intruders"])
    curve: str = Field(examples=["best_match"])
    rows: list[CurveRow]


@router.get(
    "/{diagnostic}/{curve}",
    responses=kept.UNCHANGED | responses(404),
    response_model=CurvePage,
    operation_id="get_curves",
)
async def show(
    request: Request,
    database: DatabaseOf,
    identity: Identity,
    diagnostic: Annotated[str, Path(examples=["esd"])],
    curve: Annotated[str, Path(max_length=100, examples=["eigenvalues"])],
) -> Response:
    """Returns a declared curve of every weight of the run that has it."""

    def make(session: Session) -> kept.Made:
        return kept.make_entry(curves(session, identity, diagnostic, curve))

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make)


def curves(session: Session, identity: int, diagnostic: str, curve: str) -> CurvePage:
    table = reports.table(session, identity, diagnostic, curves_named=(curve,))
    curve_names = [column.name for column in table.diagnostic.columns if column.kind == "curve"]
    if curve not in curve_names:
        raise NotFound(f"{diagnostic} has no such curve; it has: {', '.join(curve_names) or 'none'}.")
    return CurvePage(
        diagnostic=diagnostic,
        curve=curve,
        rows=[
            CurveRow(
                weight=row.weight.name,
                role=row.weight.role,
                depth=row.weight.depth,
                group=list(row.group),
                values=[float(str(value)) for value in row.measurement.curves[curve]],  # the shortest that means it
            )
            for row in table.rows
            if curve in row.measurement.curves
        ],
    )
