"""A run's page: its report as it grows, and the parts of it that change when a reader chooses."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from analysis.diagnostic import Scope, Table
from analysis.report import Report
from app import etags, models
from app.db import Database, Session
from app.errors import NotFound
from app.lists import labels
from app.lists.labels import Change
from app.pages import mitigate
from app.pages.listings.labels import view_labels
from app.pages.rendering import PageRoute, page, see
from app.pages.reports.parts import find_part
from app.pages.reports.run_head import run_view
from app.pages.views import gate, prescriptions
from app.pages.views.comparison import ComparisonView, compares
from app.pages.views.layer import Curves
from app.pages.views.pictures import Tab
from app.pages.views.report import OneCheckpoint, ReportView
from app.pages.views.state import ShownColumns, State, StateOf
from app.pages.views.width_scaling.family import FamilyView
from app.runs import beside, reports, runs
from app.runs.report_cache import KeptReport, ReportCache
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, ReportsOf, Writing
from frontend import numbers, states

router = APIRouter(prefix="/runs", route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Position:
    name: str
    url: str
    current: bool


@router.get("/{id}")
async def show(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """The report of each checkpoint by itself; of a run that compares checkpoints, the comparison."""

    def changes_since(version: etags.Version) -> str:
        return "" if version.ended_at is None else numbers.describe_age(version.ended_at, time.time())

    make = partial(show_page, request, report_cache, identity=identity, state=state)
    return await kept.page(request, database, partial(etags.of_page, identity=identity), make, changes_since)


def show_page(request: Request, report_cache: ReportCache, session: Session, identity: int, state: State) -> Response:
    run = runs.get(session, identity)
    if state.shown.position >= len(run.members):
        raise NotFound(f"Run {identity} has {numbers.plural(len(run.members), 'checkpoint')}.")
    view = run_view(run, runs.progress(session, run), time.time())
    of_part = find_part(session, run, state)
    kept_report = report_cache.find(session, identity, of_part.places if of_part else None)
    full_report = kept_report.report
    common: dict[str, Any] = {"run": view, "tabs": tabs(full_report.tables, state), "gates": gate.view(session, run)}
    common["part"] = of_part
    common["labels"] = view_labels(request.app.state.settings, run)
    before = beside.previous(session, run, state.shown.position)
    here = f"/compare/reports/since/{identity}" + (f"?position={state.shown.position}" if state.shown.position else "")
    common["before"] = "" if before is None else here
    common["todo"] = prescriptions.view(session, run, full_report.tables, full_report.names)
    if scales(full_report.tables, state):
        ids = [member.checkpoint_id for member in run.members]
        of_widths = FamilyView(full_report.tables, full_report.coverage, state, view.look.moving, ids)
        return page(request, "pages/family.html", page="scaling", **common, report=of_widths, add=of_widths.edit)
    if compares(full_report.tables) and not state.shown.alone:
        has_steps = bool(runs.steps(run))
        comparison = ComparisonView(full_report.tables, full_report.coverage, state, view.look.moving, has_steps)
        return page(
            request,
            "pages/comparison.html",
            **common,
            report=comparison,
            add=again_address(run),
            mitigation=mitigate.view(session, run, state, comparison.one.position),
        )
    report = ReportView(one_checkpoint(kept_report, state), state, view.look.moving, curves(session, state))
    return page(request, "pages/run.html", **common, report=report, positions=positions(run, state))


@router.get("/{id}/panel")
async def panel(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """The panel of one layer, which the page puts in the place of the one it shows."""
    make_view = partial(part, report_cache, identity=identity, state=state)
    return await answer_part(request, database, identity, "parts/panel_only.html", make_view)


@router.get("/{id}/health")
async def health(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """The grid by block and role, and the figure by depth, in another column's colours."""
    make_view = partial(part, report_cache, identity=identity, state=state)
    return await answer_part(request, database, identity, "parts/health_only.html", make_view)


@router.get("/{id}/matrix")
async def matrix(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """Of a comparison, one matrix in one tuned checkpoint."""
    make_view = partial(part_of_comparison, report_cache, identity=identity, state=state)
    return await answer_part(request, database, identity, "parts/matrix_only.html", make_view)


@router.get("/{id}/cells")
async def cells(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """Of a comparison, the cells by block and role in another column's colours, or another picture of it."""
    make_view = partial(part_of_comparison, report_cache, identity=identity, state=state)
    return await answer_part(request, database, identity, "parts/cells_only.html", make_view)


async def answer_part(
    request: Request, database: Database, identity: int, template: str, make_view: Callable[[Session], object]
) -> Response:
    """A part of the page, made of its template and what that shows, or kept from before."""

    def make_response(session: Session) -> Response:
        return page(request, template, report=make_view(session))

    return await kept.page(request, database, partial(etags.of_run, identity=identity), make_response)


def part(report_cache: ReportCache, session: Session, identity: int, state: State) -> ReportView:
    """The report for a part of the page."""
    run = runs.get(session, identity)
    one = one_checkpoint(find_report(report_cache, session, run, state), state)
    view = ReportView(one, state, states.run(run.state).moving, curves(session, state))
    if view.empty:
        raise NotFound(f"Run {identity} has no row yet.")
    return view


def part_of_comparison(report_cache: ReportCache, session: Session, identity: int, state: State) -> ComparisonView:
    run = runs.get(session, identity)
    run_tables = find_report(report_cache, session, run, state).report.tables
    if not compares(run_tables) or state.shown.position >= len(run.members):
        raise NotFound(f"Run {identity} has no comparison there.")
    view = ComparisonView(run_tables, None, state, states.run(run.state).moving)
    if view.empty:
        raise NotFound(f"Run {identity} has no row yet.")
    return view


def find_report(report_cache: ReportCache, session: Session, run: models.Run, state: State) -> KeptReport:
    """The run's report, or the part of it that the address asks for."""
    of_part = find_part(session, run, state)
    return report_cache.find(session, run.id, of_part.places if of_part else None)


def one_checkpoint(kept_report: KeptReport, state: State) -> OneCheckpoint:
    """The tables of the checkpoint that the address asks for."""
    position = state.shown.position

    def make(report: Report) -> OneCheckpoint:
        return OneCheckpoint(single_tables(report.tables), report.coverage, position)

    return kept_report.make_once(("one checkpoint", position), make)


def single_tables(tables: Sequence[Table]) -> list[Table]:
    """The tables that look at each checkpoint by itself; all where there is none."""
    own = [table for table in tables if table.diagnostic.scope is Scope.ONE]
    return own or list(tables)


def scales(tables: Sequence[Table], state: State) -> bool:
    """Whether the page is of width scaling: where nothing else compares, that is the first to be seen."""
    is_family = any(table.diagnostic.scope is Scope.FAMILY for table in tables) and not state.shown.alone
    return is_family and (state.shown.widths or not compares(tables))


def tabs(tables: Sequence[Table], state: State) -> list[Tab]:
    """The pages of a run, where it has several: what compares checkpoints, and each by itself."""
    scopes = {table.diagnostic.scope for table in tables}
    fresh, is_alone, widths = State(state.run, ShownColumns()), state.shown.alone, scales(tables, state)
    pages = [Tab("Comparison", "", fresh.address, not is_alone and not widths)] if compares(tables) else []
    if Scope.FAMILY in scopes:
        pages.append(Tab("Width scaling", "widths", fresh.link(widths=True) if pages else fresh.address, widths))
    if Scope.ONE in scopes and pages:
        pages.append(Tab("Each by itself", "alone", fresh.link(alone=True), is_alone))
    return pages if len(pages) > 1 else []


def again_address(run: models.Run) -> str:
    """The form of this comparison, to change it."""
    base, *tuned = [str(member.checkpoint_id) for member in run.members]
    return "/compare?" + urlencode({"base": base, "tuned": ",".join(tuned)})


def curves(session: Session, state: State) -> Curves:
    """Which curves a weight has, asked when its figures are wanted."""
    return lambda weight: reports.curve_names(session, state.run, weight, state.shown.position)


def positions(run: models.Run, state: State) -> list[Position]:
    return [
        Position(m.checkpoint.name, state.link(position=m.position, weight=""), m.position == state.shown.position)
        for m in run.members
    ]


@router.post("/{id}/cancel")
def cancel(session: Writing, identity: Identity) -> Response:
    runs.cancel(session, identity)
    return see(f"/runs/{identity}")


@router.post("/{id}/again")
def repeat(session: Writing, identity: Identity) -> Response:
    """The same diagnostics of the same checkpoints, as a new run."""
    run = runs.get(session, identity)
    ids = [member.checkpoint_id for member in run.members]
    return see(f"/runs/{runs.request(session, ids, run.diagnostics).id}")


@router.post("/{id}/delete")
def delete(session: Writing, identity: Identity) -> Response:
    """To the trash; out of the trash, for good."""
    row = runs.get(session, identity)
    if row.trashed_at is None:
        labels.change(session, row, Change(trashed=True))
        return see(f"/runs?undo={identity}")
    runs.delete(session, identity)
    return see("/runs")
