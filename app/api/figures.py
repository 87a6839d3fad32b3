"""Figures: a declared view of a table, drawn as Plotly JSON."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from analysis.diagnostic import Figure, FigureKind
from app import etags
from app.api import examples
from app.api.schemas import GROUP
from app.db import Session
from app.errors import BadRequest, NotFound
from app.runs import reports, runs
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity
from app.web.problems import responses
from frontend.figures.draw import draw
from frontend.figures.views import figure as figure_of

router = APIRouter(prefix="/runs/{id}/figures", tags=["figures"])


OfWeight = Annotated[
    str | None,
    Query(max_length=100_000, examples=[examples.WEIGHT], description="For figures of one weight: its name."),
]
OfRole = Annotated[str | None, Query(max_length=100, examples=["q"], description="For width scaling: one role only.")]
Position = Annotated[int, Query(ge=0, le=1000, examples=[0], description="The checkpoint's position in the run.")]
Group = Annotated[
    str | None,
    Query(pattern=GROUP, examples=["0,1"], description="Instead of it, all positions that a row compares: “0,1”."),
]


@router.get(
    "/{diagnostic}/{figure}",
    responses=examples.ok(examples.FIGURE) | kept.UNCHANGED | responses(400, 404),
    response_model=dict[str, Any],
    operation_id="get_figure",
)
async def show(
    request: Request,
    database: DatabaseOf,
    identity: Identity,
    diagnostic: Annotated[str, Path(examples=["esd"])],
    figure: Annotated[str, Path(examples=["alpha.depth"])],
    weight: OfWeight = None,
    position: Position = 0,
    group: Group = None,
    role: OfRole = None,
) -> Response:
    """The figure as `{"data": […], "layout": {…}}` for Plotly. Colours are names of colour tokens.

    Every numeric column also has `COLUMN.depth`, `COLUMN.flow`, `COLUMN.distribution` and `COLUMN.heatmap`.
    """

    def make(session: Session) -> kept.Made:
        place = position if group is None else reports.group_of(group)
        return kept.make_entry(draw_figure(session, identity, diagnostic, figure, weight, place, role))

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make)


def draw_figure(
    session: Session,
    identity: int,
    diagnostic: str,
    figure: str,
    weight: str | None,
    at: int | tuple[int, ...],
    role: str | None,
) -> dict[str, Any]:
    spec = _find_figure(session, identity, diagnostic, figure)
    of_all = tuple(spec.parts.values()) if spec.kind is FigureKind.SWEEP else ()
    table = reports.table(
        session, identity, diagnostic, curves_of=() if weight is None else (weight,), curves_named=of_all
    )
    if spec.per_weight:
        if weight is None:
            raise BadRequest(f"{figure} shows one weight: name it in `weight`.")
        if not any(row.weight.name == weight for row in table.rows):
            raise NotFound(f"Run {identity} has no row for that weight yet.")
    return draw(spec, table.in_network_order(), weight, at, runs.steps(runs.get(session, identity)), role)


def _find_figure(session: Session, identity: int, diagnostic: str, figure: str) -> Figure:
    diagnostics = {each.diagnostic.name: each.diagnostic for each in reports.requests(runs.get(session, identity))}
    if diagnostic not in diagnostics:
        raise NotFound(f"Run {identity} does not have that diagnostic; it has: {', '.join(diagnostics)}.")
    spec = figure_of(diagnostics[diagnostic], figure)
    if spec is None:
        names = ", ".join(each.name for each in diagnostics[diagnostic].figures)
        raise NotFound(f"{diagnostic} has no such figure; it has: {names or 'none'}.")
    return spec
