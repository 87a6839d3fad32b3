"""Figures: a declared view of a table, drawn as Plotly JSON."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from analysis.diagnostic import Figure, FigureKind
from app import reports, runs
from app.api.dependencies import Identity, Reading
from app.api.problems import responses
from app.api.shapes import GROUP
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
    group: Annotated[
        str | None, Query(pattern=GROUP, description="In place of it, all places that a row compares: “0,1”.")
    ] = None,
    role: Annotated[str | None, Query(max_length=100, description="Of width scaling: one role alone.")] = None,
) -> dict[str, Any]:
    """The figure as `{"data": […], "layout": {…}}` for Plotly. Colours are names of the page's tokens.

    Beside the declared figures, every numeric column has `COLUMN.depth`, `COLUMN.flow`, `COLUMN.distribution` and
    `COLUMN.heatmap`.
    """
    found = _declared(session, identity, diagnostic, figure)
    of_all = tuple(found.parts.values()) if found.kind is FigureKind.SWEEP else ()
    table = reports.table(session, identity, diagnostic, curves_of=weight, curves_named=of_all)
    if found.per_weight:
        if weight is None:
            raise BadRequest(f"{figure} shows one weight: name it in `weight`.")
        if not any(row.weight.name == weight for row in table.rows):
            raise NotFound(f"Run {identity} has no row for that weight yet.")
    at = position if group is None else reports.group_of(group)
    return draw(found, table, weight, at, runs.steps(runs.get(session, identity)), role)


def _declared(session: Reading, identity: int, diagnostic: str, figure: str) -> Figure:
    asked = {each.diagnostic.name: each.diagnostic for each in reports.requests(runs.get(session, identity))}
    if diagnostic not in asked:
        raise NotFound(f"Run {identity} did not ask for that diagnostic; it has: {', '.join(asked)}.")
    found = figure_of(asked[diagnostic], figure)
    if found is None:
        declared = ", ".join(each.name for each in asked[diagnostic].figures)
        raise NotFound(f"{diagnostic} has no such figure; it has: {declared or 'none'}.")
    return found
