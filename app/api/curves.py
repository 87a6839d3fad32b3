"""Curves: one of a diagnostic's curves on every weight, for whoever counts anew what a run counted."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app import reports
from app.api.dependencies import Identity, Reading
from app.api.problems import responses
from app.errors import NotFound

router = APIRouter(prefix="/runs/{identity}/curves", tags=["tables"])


class CurveRow(BaseModel):
    """A curve with what it is about."""

    weight: str = Field(examples=["encoder.layer.0.attention.self.query.weight"])
    role: str = Field(examples=["q"])
    depth: int | None = Field(examples=[0])
    group: list[int] = Field(description="Places of the checkpoints in the run.", examples=[[0, 1]])
    values: list[float] = Field(description="As exact as they were stored, in float32.", examples=[[0.98, 0.31]])


class CurvePage(BaseModel):
    """One curve of every weight that has it so far."""

    diagnostic: str = Field(examples=["intruders"])
    curve: str = Field(examples=["best_match"])
    rows: list[CurveRow]


@router.get("/{diagnostic}/{curve}", responses=responses(404), operation_id="get_curves")
def show(
    session: Reading, identity: Identity, diagnostic: str, curve: Annotated[str, Path(max_length=100)]
) -> CurvePage:
    """A declared curve of every weight of the run that has it."""
    table = reports.table(session, identity, diagnostic, curves_named=(curve,))
    declared = [column.name for column in table.diagnostic.columns if column.kind == "curve"]
    if curve not in declared:
        raise NotFound(f"{diagnostic} has no such curve; it has: {', '.join(declared) or 'none'}.")
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
