"""A run's page: its report as it grows, and the parts of it that change when a reader chooses."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from analysis.diagnostic import Scope, Table
from analysis.wording import listed, midway
from app import models, reports, runs
from app.api.dependencies import Identity, Reading, Writing
from app.errors import NotFound
from app.pages import lists, mitigate
from app.pages.comparison import ComparisonView, compares
from app.pages.rendering import PageRoute, page, see
from app.pages.report import Curves, ReportView, Tab
from app.pages.state import Shown, State, StateOf
from frontend import numbers, states

router = APIRouter(prefix="/runs", route_class=PageRoute)
NAMED = 3  # diagnostics named above a report


@dataclass(frozen=True, slots=True)
class Callout:
    css: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Position:
    name: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class RunView:
    id: int
    name: str
    checkpoints: list[models.Checkpoint]
    look: states.Look
    subtitle: str
    line: str
    eta: str
    done: int
    total: int
    events: str
    soon: str
    callout: Callout | None
    adapter: int | None  # the id of an adapter that is analysed by itself


@router.get("/{identity}")
def show(request: Request, session: Reading, identity: Identity, state: StateOf) -> Response:
    """The report of each checkpoint by itself; of a run that compares checkpoints, the comparison."""
    run = runs.get(session, identity)
    if state.shown.position >= len(run.members):
        raise NotFound(f"Run {identity} has {numbers.plural(len(run.members), 'checkpoint')}.")
    view = run_view(run, runs.progress(session, run), time.time())
    whole = reports.report(session, identity)
    shown: dict[str, Any] = {"run": view, "tabs": tabs(whole.tables, state)}
    if compares(whole.tables) and not state.shown.alone:
        steps = runs.steps(run)
        stepped = all(member.position in steps for member in run.members[1:])
        found = ComparisonView(whole.tables, whole.coverage, state, view.look.moving, stepped)
        return page(
            request,
            "comparison.html",
            **shown,
            report=found,
            add=again_address(run),
            mitigation=mitigate.view(session, run, state, found.one.position),
        )
    report = ReportView(alone(whole.tables), whole.coverage, state, view.look.moving, curves(session, state))
    return page(request, "run.html", **shown, report=report, positions=positions(run, state))


@router.get("/{identity}/panel")
def panel(request: Request, session: Reading, identity: Identity, state: StateOf) -> Response:
    """The panel of one layer, which the page puts in the place of the one it shows."""
    return page(request, "panel_only.html", report=part(session, identity, state))


@router.get("/{identity}/health")
def health(request: Request, session: Reading, identity: Identity, state: StateOf) -> Response:
    """The grid by block and role, and the figure by depth, in another column's colours."""
    return page(request, "health_only.html", report=part(session, identity, state))


@router.get("/{identity}/matrix")
def matrix(request: Request, session: Reading, identity: Identity, state: StateOf) -> Response:
    """Of a comparison, one matrix in one tuned checkpoint."""
    return page(request, "matrix_only.html", report=part_of_comparison(session, identity, state))


@router.get("/{identity}/cells")
def cells(request: Request, session: Reading, identity: Identity, state: StateOf) -> Response:
    """Of a comparison, the cells by block and role in another column's colours, or another picture of it."""
    return page(request, "cells_only.html", report=part_of_comparison(session, identity, state))


def part(session: Reading, identity: int, state: State) -> ReportView:
    """The report for a part of the page that does not tell its coverage."""
    run = runs.get(session, identity)
    found = ReportView(alone(tables(session, run)), None, state, states.run(run.state).moving, curves(session, state))
    if found.empty:
        raise NotFound(f"Run {identity} has no row yet.")
    return found


def part_of_comparison(session: Reading, identity: int, state: State) -> ComparisonView:
    run = runs.get(session, identity)
    found = tables(session, run)
    if not compares(found) or state.shown.position >= len(run.members):
        raise NotFound(f"Run {identity} compares nothing there.")
    view = ComparisonView(found, None, state, states.run(run.state).moving)
    if view.empty:
        raise NotFound(f"Run {identity} has no row yet.")
    return view


def tables(session: Reading, run: models.Run) -> list[Table]:
    return [reports.table(session, run.id, name) for name in run.diagnostics]


def alone(found: Sequence[Table]) -> list[Table]:
    """The tables that look at each checkpoint by itself; all where there is none."""
    own = [table for table in found if table.diagnostic.scope is Scope.ONE]
    return own or list(found)


def tabs(found: Sequence[Table], state: State) -> list[Tab]:
    """The two pages of a run that both compares checkpoints and looks at each by itself."""
    if not compares(found) or all(table.diagnostic.scope is not Scope.ONE for table in found):
        return []
    fresh = State(state.run, Shown())
    one = state.shown.alone
    return [
        Tab("Comparison", "", fresh.address, not one),
        Tab("Each by itself", "alone", fresh.link(alone=True), one),
    ]


def again_address(run: models.Run) -> str:
    """The form of this comparison, to change it."""
    base, *tuned = [str(member.checkpoint_id) for member in run.members]
    return "/compare?" + urlencode({"base": base, "tuned": ",".join(tuned)})


def curves(session: Reading, state: State) -> Curves:
    """Which curves a weight has, asked when its figures are wanted."""
    return lambda weight: reports.curve_names(session, state.run, weight, state.shown.position)


def run_view(run: models.Run, progress: runs.Progress, now: float) -> RunView:
    return RunView(
        id=run.id,
        name=lists.name_of(run),
        checkpoints=[member.checkpoint for member in run.members],
        look=states.run(run.state),
        subtitle=subtitle(run, now),
        line=lists.line(run, progress),
        eta=lists.eta(progress.eta_seconds),
        done=progress.done,
        total=progress.total,
        events=f"/api/v1/runs/{run.id}/events",
        soon=soon(run),
        callout=callout(run, progress),
        adapter=lone_adapter(run),
    )


def lone_adapter(run: models.Run) -> int | None:
    only = run.members[0].checkpoint
    return only.id if len(run.members) == 1 and only.kind == "adapter" else None


def subtitle(run: models.Run, now: float) -> str:
    """What was asked, of how much, and how long it took."""
    counts = [member.checkpoint.parameters for member in run.members]
    size = f"{numbers.parameters(sum(c or 0 for c in counts))} parameters. " if all(counts) else ""
    titles = [request.diagnostic.title for request in reports.requests(run)]
    rest = [f"{len(titles) - NAMED} more"] if len(titles) > NAMED else []
    asked = f"{listed([titles[0], *map(midway, titles[1:NAMED]), *rest])}. "
    if run.finished_at is None or run.started_at is None:
        return size + asked + f"Asked for {numbers.ago(run.created_at, now)}."
    took = numbers.duration(run.finished_at - run.started_at)
    where = f" on {run.device}" if run.device else ""
    ended = "Finished" if run.state == "done" else "Ended"
    return size + asked + f"{ended} {numbers.ago(run.finished_at, now)} after {took}{where}."


def soon(run: models.Run) -> str:
    """What to expect while there is no row yet."""
    if run.state == "waiting":
        return "The file is being checked and its tensors listed. The analysis starts by itself."
    return "The first layers appear here within moments."


def callout(run: models.Run, progress: runs.Progress) -> Callout | None:
    if run.state == "cancelled":
        return Callout("quiet", "Cancelled.", lists.line(run, progress))
    if run.state == "failed":
        return Callout("bad", "Failed.", lists.line(run, progress))
    return None


def positions(run: models.Run, state: State) -> list[Position]:
    return [
        Position(m.checkpoint.name, state.link(position=m.position, weight=""), m.position == state.shown.position)
        for m in run.members
    ]


@router.post("/{identity}/cancel")
def cancel(session: Writing, identity: Identity) -> Response:
    runs.cancel(session, identity)
    return see(f"/runs/{identity}")


@router.post("/{identity}/again")
def again(session: Writing, identity: Identity) -> Response:
    """The same diagnostics of the same checkpoints, as a new run."""
    run = runs.get(session, identity)
    ids = [member.checkpoint_id for member in run.members]
    return see(f"/runs/{runs.request(session, ids, run.diagnostics).id}")


@router.post("/{identity}/delete")
def delete(session: Writing, identity: Identity) -> Response:
    runs.delete(session, identity)
    return see("/")
