"""A report as a file: one of HTML that opens without the service and without a network, and its rows as Parquet."""

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response

from analysis.diagnostic import FigureKind, Table
from analysis.report import Report
from app import etags
from app.api import examples
from app.db import Session
from app.runs import parquet, reports, runs
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity
from app.web.problems import responses
from frontend.document import report as document

PARQUET = "application/vnd.apache.parquet"
router = APIRouter(prefix="/runs", tags=["runs"])


@router.get(
    "/{id}/report.html",
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}, "example": examples.DOCUMENT}}}}
    | kept.UNCHANGED
    | responses(404),
    response_class=Response,
    operation_id="get_report_as_html",
)
async def report_as_html(request: Request, database: DatabaseOf, identity: Identity) -> Response:
    """Returns one file with headlines, findings, every measured column and figures, which loads nothing."""

    def make(session: Session) -> kept.Made:
        found = with_curves(session, identity, reports.report(session, identity))
        run = runs.get(session, identity)
        title = run.name or ", ".join(found.names)
        text = document.write(found, title, request.app.version, runs.steps(run))
        headers = {"Content-Disposition": f'attachment; filename="run-{identity}.html"'}
        return kept.Made(text.encode("utf-8", "replace"), headers)

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make, kept.HTML)


@router.get(
    "/{id}/rows.parquet",
    responses={
        200: {"content": {PARQUET: {"schema": {"type": "string", "format": "binary"}, "example": examples.PARQUET}}}
    }
    | kept.UNCHANGED
    | responses(404, 501),
    response_class=Response,
    operation_id="get_rows_as_parquet",
)
async def rows_as_parquet(request: Request, database: DatabaseOf, identity: Identity) -> Response:
    """Returns the rows of all tables as Parquet: a line for each layer, exact, with types. Needs pyarrow here."""

    def make(session: Session) -> kept.Made:
        found = reports.report(session, identity)
        headers = {"Content-Disposition": f'attachment; filename="run-{identity}.parquet"'}
        return kept.Made(parquet.to_parquet(found.tables), headers)

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make, PARQUET)


def with_curves(session: Session, identity: int, found: Report) -> Report:
    """The same report with the curves that its figures are drawn from."""
    layers = document.layers_shown(found)
    tables = (_with_curves(session, identity, table, layers) for table in found.tables)
    return replace(found, tables=tuple(tables))


def _with_curves(session: Session, identity: int, table: Table, layers: Collection[str]) -> Table:
    figures = [figure for figure in table.diagnostic.figures if figure.kind is FigureKind.SWEEP]
    names = [name for figure in figures for name in figure.parts.values()]
    return reports.table(session, identity, table.diagnostic.name, layers, names)
