"""Any two to eight reports side by side: a column of every layer with its differences, and spectra over each other."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analysis.figure import Figure, Spectra
from app.api import examples
from app.errors import BadRequest
from app.runs import beside
from app.web.dependencies import Reading
from app.web.problems import responses
from frontend.figures.draw import draw
from frontend.tables.beside import beside as layer_rows
from frontend.tables.columns import pick_columns, place_named, places

router = APIRouter(prefix="/side-by-side", tags=["side by side"])
Of = Annotated[
    str,
    Query(
        min_length=3, max_length=200, pattern=r"^[1-9][0-9]{0,8}(\.[0-9]{1,3})?(,[1-9][0-9]{0,8}(\.[0-9]{1,3})?){1,7}$",
        description="Two to eight reports: runs, or run.position.", examples=["1,2"],
    ),
]  # fmt: skip


class LayerBeside(BaseModel):
    """A layer in each report."""

    weight: str = Field(examples=[examples.WEIGHT])
    label: str = Field(examples=["Block 0 · query"])
    values: list[float | None] = Field(description="In each report.", examples=[[3.1, 3.4]])
    differences: list[float | None] = Field(description="Of each later report to the first.", examples=[[0.3]])
    beyond: list[bool | None] = Field(
        description="Whether a difference is more than two standard errors; null where the column has none.",
        examples=[[False]],
    )


class SideBySide(BaseModel):
    """A column of several reports."""

    reports: list[str] = Field(examples=[["1", "2"]])
    checkpoints: list[str] = Field(examples=[["step 1000", "step 2000"]])
    diagnostic: str = Field(examples=["esd"])
    column: str = Field(examples=["alpha"])
    layers: list[LayerBeside]


@router.get("", responses=responses(400, 404), operation_id="get_side_by_side")
def show(
    session: Reading,
    of: Of,
    column: Annotated[str, Query(max_length=80, description="Default: the first shown.", examples=["alpha"])] = "",
) -> SideBySide:
    """Returns one column of every layer in each report, with the differences to the first report."""
    refs = _refs(of)
    found = beside.put_beside(session, refs)
    place = place_named(places(found.tables), column) if column else pick_columns(found.tables)[0]
    if place is None or not place.numeric:
        raise BadRequest(f"{column!r} is not a numeric column of these reports.")
    rows = layer_rows(place.table, place.column, len(refs))
    values = {(row.weight.name, row.group[0]): row.value(place.column.name) for row in place.table.rows}
    return SideBySide(
        reports=[str(ref) for ref in refs],
        checkpoints=list(place.table.names),
        diagnostic=place.table.diagnostic.name,
        column=place.column.name,
        layers=[
            LayerBeside(
                weight=row.name,
                label=row.label,
                values=[_number(values.get((row.name, at))) for at in range(len(refs))],
                differences=[difference.value for difference in row.differences],
                beyond=[difference.beyond for difference in row.differences],
            )
            for row in rows
        ],
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _refs(of: str) -> tuple[beside.Ref, ...]:
    refs = beside.parse_refs(of)
    if len(refs) < beside.FEWEST:
        raise BadRequest(f"Name {beside.FEWEST} to {beside.MOST} different reports.")
    return refs


@router.get(
    "/spectra",
    responses=examples.ok(examples.FIGURE) | responses(400, 404),
    response_model=dict[str, Any],
    operation_id="get_spectra_side_by_side",
)
def spectra(
    session: Reading,
    of: Of,
    weight: Annotated[str, Query(min_length=1, max_length=100_000, examples=[examples.WEIGHT])],
) -> dict[str, Any]:
    """The spectra of one weight in each report over each other, as a figure for Plotly."""
    table, values = beside.overlay(session, _refs(of), weight)
    return draw(Figure("overlay", "Spectra", "", Spectra(values=values)), table, weight)
