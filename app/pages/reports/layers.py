"""The page of one layer of a report, and the check of it with WeightWatcher."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.errors import NotFound
from app.pages import lists
from app.pages import runs as run_pages
from app.pages.forms import Sent
from app.pages.rendering import PageRoute, page, see
from app.pages.reports.layer_view import LayerPage
from app.pages.views.layer import layer_address
from app.pages.views.report import OneCheckpoint, ReportView
from app.pages.views.state import LONGEST, State, StateOf
from app.runs import checks, elsewhere, runs
from app.runs.report_cache import ReportCache
from app.web.dependencies import Identity, Reading, ReportsOf, Writing
from frontend import states

router = APIRouter(prefix="/runs", route_class=PageRoute)
LayerName = Annotated[str, Query(max_length=LONGEST)]


@router.get("/{id}/layers")
def show(
    request: Request, session: Reading, report_cache: ReportsOf, identity: Identity, state: StateOf,
    name: LayerName = "",
) -> Response:  # fmt: skip
    """Every diagnostic of one layer, its figures, its neighbours, and the same layer in other reports."""
    if name:
        sought = replace(state, shown=state.shown.model_copy(update={"weight": state.shown.weight or name}))
        found = run_pages.find_report(report_cache, session, runs.get(session, identity), sought)
        one = run_pages.one_checkpoint(found, state)
        return see(layer_address(identity, find_layer(one, identity, name), state.shown.position))
    run = runs.get(session, identity)
    if state.shown.position >= len(run.members):
        raise NotFound(f"Run {identity} has no checkpoint at position {state.shown.position}.")
    view = make_page(report_cache, session, identity, state)
    member = run.members[state.shown.position].checkpoint
    return page(
        request,
        "pages/layer.html",
        layer=view,
        run=run,
        title=lists.name_of(run),
        checkpoint=member,
        moving=view.check is not None and view.check_look.moving,
    )


def find_layer(one: OneCheckpoint, identity: int, name: str) -> str:
    """The weight with exactly this name or, where none has it, the first of the tensor or with the label."""
    weights = [row.weight for table in one.tables for row in table.rows]
    for part in ("name", "tensor", "label"):
        for weight in weights:
            if getattr(weight, part) == name:
                return weight.name
    raise NotFound(f"Run {identity} has no layer of that name.")


def make_page(report_cache: ReportCache, session: Reading, identity: int, state: State) -> LayerPage:
    run = runs.get(session, identity)
    one = run_pages.one_checkpoint(run_pages.find_report(report_cache, session, run, state), state)
    report = ReportView(one, state, states.run(run.state).moving, run_pages.curves(session, state))
    names = {row.weight.name: row.weight for table in report.tables for row in table.rows}
    if not names:
        raise NotFound(f"Run {identity} has no row yet.")
    weight = state.shown.weight or next(iter(names))
    if weight not in names:
        raise NotFound(f"Run {identity} has no layer of that name there.")
    seen = elsewhere.find(session, names[weight], [table.diagnostic.name for table in one.tables])
    return LayerPage(report, weight, seen, checks.latest(session, identity, weight, state.shown.position))


@router.post("/{id}/layers/check")
def check(session: Writing, identity: Identity, sent: Sent) -> Response:
    """Asks a worker to measure the layer with WeightWatcher too."""
    weight = next(iter(sent.get("weight", ())), "")
    text = next(iter(sent.get("position", ())), "0")
    position = int(text) if text.isascii() and text.isdecimal() and len(text) < 5 else 0
    checks.request(session, identity, weight, position)
    return see(layer_address(identity, weight, position) + "#check")
