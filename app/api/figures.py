"""Figures: a declared view of a table, drawn as Plotly JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from app import reports
from app.api.dependencies import Identity, Reading
from app.api.problems import responses
from app.errors import BadRequest, NotFound
from frontend.figures import draw
from frontend.views import figure as figure_of

router = APIRouter(prefix="/runs/{identity}/figures", tags=["figures"])


@router.get("/{diagnostic}/{figure}", responses=responses(400, 404), operation_id="get_figure")
def show(
    session: Reading,
    identity: Identity,
    diagnostic: str,
    figure: str,
    weight: Annotated[str | None, Query(max_length=100_000, description="For figures of one weight: its name.")] = None,
    position: Annotated[int, Query(ge=0, le=1000, description="The checkpoint's place in the run.")] = 0,
) -> dict[str, Any]:
    """The figure as `{"data": […], "layout": {…}}` for Plotly. Colours are names of the page's tokens.

    Beside the declared figures, every numeric column has `COLUMN.depth`, `COLUMN.flow`, `COLUMN.distribution` and
    `COLUMN.heatmap`.
    """
    table = reports.table(session, identity, diagnostic, curves_of=weight)
    found = figure_of(table.diagnostic, figure)
    if found is None:
        declared = ", ".join(each.name for each in table.diagnostic.figures)
        raise NotFound(f"{diagnostic} has no such figure; it has: {declared or 'none'}.")
    if found.per_weight:
        if weight is None:
            raise BadRequest(f"{figure} shows one weight: name it in `weight`.")
        if not any(row.weight.name == weight for row in table.rows):
            raise NotFound(f"Run {identity} has no row for that weight yet.")
    return draw(found, table, weight, position)
