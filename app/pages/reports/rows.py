"""Every row of a report's long table, for a page that holds the first of them only."""

from functools import partial

from fastapi import APIRouter, Request, Response

from app import etags
from app.db import Session
from app.pages import runs as run_pages
from app.pages.rendering import ENVIRONMENT, PageRoute
from app.pages.views.state import StateOf
from app.pages.views.tables import LayersView
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, ReportsOf

router = APIRouter(prefix="/runs", route_class=PageRoute)


@router.get("/{id}/rows")
async def show(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, state: StateOf
) -> Response:
    """Name, searched text, sort keys, whether it is flagged, and the cells as HTML, of each row in the file's order."""

    def make(session: Session) -> kept.Made:
        return kept.make_entry(rows_of(run_pages.part(report_cache, session, identity, state).table))

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make)


def rows_of(table: LayersView) -> list[dict[str, object]]:
    cells = ENVIRONMENT.get_template("parts/layer_row.html").module.cells  # type: ignore[attr-defined]  # a macro
    return [
        {"key": r.name, "search": r.search, "keys": r.keys, "flagged": r.flagged, "html": str(cells(table, r))}
        for r in table.rows
    ]
