"""Tables: the measurements of one diagnostic in one run, as JSON and as CSV."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from analysis.diagnostic import Row, Table
from app import etags
from app.api import examples
from app.api.schemas import GROUP
from app.db import Session
from app.errors import BadCursor
from app.lists.parameters import NO_NUL
from app.runs import reports, tables
from app.runs.reports import group_of
from app.web import response_cache as kept
from app.web.dependencies import DatabaseOf, Identity, Limit, ReportsOf
from app.web.pagination import PAGED, UNKNOWN, Cursor, Pager
from app.web.problems import responses

router = APIRouter(prefix="/runs/{id}/tables", tags=["tables"])
Name = Annotated[str, Path(examples=["esd"])]


class TablePage(BaseModel):
    """Some rows of a table. A row names its weight, then has each column by its name, then a note."""

    diagnostic: str = Field(examples=["esd"])
    columns: list[str] = Field(examples=[["alpha", "sigma", "D", "xmin"]])
    total: int = Field(description="Rows that match, on all pages.", examples=[40])
    flagged: int = Field(description="Matching rows that are flagged.", examples=[3])
    rows: list[dict[str, Any]] = Field(examples=[[examples.ROW]])


class Filters(BaseModel):
    """Which rows, and in which order."""

    model_config = {"extra": "forbid"}

    sort: str | None = Field(None, max_length=100, examples=["-alpha"], description="A column; with “-” descending.")
    q: str = Field(
        "", pattern=NO_NUL, max_length=1000, description="Text in the weight's name or label.", examples=["query"]
    )
    weight: str | None = Field(
        None, pattern=NO_NUL, max_length=100_000, examples=[examples.WEIGHT], description="Exactly the weight's name."
    )
    role: str | None = Field(None, max_length=100, examples=["q"])
    depth: int | None = Field(None, ge=0, le=2**31 - 1, examples=[0], description="Index of the block.")
    group: str | None = Field(
        None, pattern=GROUP, examples=["0,1"], description="Only rows of these positions in the run: base and tuned."
    )
    flagged: bool | None = Field(None, examples=[True], description="Only flagged rows, or only the others.")

    def selection(self) -> tables.Selection:
        group = None if self.group is None else group_of(self.group)
        return tables.Selection(self.sort, self.q, self.role, self.depth, group, self.flagged, self.weight)


class Page(Filters):
    """Filters, and which page."""

    limit: Limit = 1000
    cursor: Cursor = None


CSV: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"text/csv": {"schema": {"type": "string"}, "example": examples.CSV}},
        "description": "The rows, exact.",
    }
}


@router.get(
    "/{diagnostic}.csv",
    responses=CSV | kept.UNCHANGED | responses(400, 404),
    response_class=Response,
    operation_id="get_table_csv",
)
async def as_csv(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, diagnostic: Name,
    asked: Annotated[Filters, Query()],
) -> Response:  # fmt: skip
    """Returns the table as CSV: one header line of registered names, exact numbers, empty where absent."""

    def make(session: Session) -> kept.Made:
        table = tables.select(report_cache.table(session, identity, diagnostic), asked.selection())
        name = f"run-{identity}-{table.diagnostic.name}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return kept.Made("".join(tables.to_csv(table)).encode("utf-8", "replace"), headers)

    version = partial(etags.of_run, identity=identity)
    return await kept.answer(request, database, version, make, "text/csv; charset=utf-8")


@router.get(
    "/{diagnostic}",
    responses=PAGED | kept.UNCHANGED | responses(400, 404),
    response_model=TablePage,
    operation_id="get_table",
)
async def show(
    request: Request, database: DatabaseOf, report_cache: ReportsOf, identity: Identity, diagnostic: Name,
    asked: Annotated[Page, Query()],
) -> Response:  # fmt: skip
    """Returns the rows; for a running run, the rows so far. Pages follow the requested order."""
    page = Pager(request, asked.limit, asked.cursor)

    def make(session: Session) -> kept.Made:
        return kept.make_entry(*page_of(report_cache.table(session, identity, diagnostic), asked.selection(), page))

    return await kept.answer(request, database, partial(etags.of_run, identity=identity), make)


def page_of(whole: Table, selection: tables.Selection, page: Pager) -> tuple[TablePage, dict[str, str]]:
    """The rows after the one that the cursor names, wherever that stands by now, and the headers."""
    table = tables.select(whole, selection)
    flagged_names = reports.flagged_weights(whole)
    rows, headers = page.cut(table.rows[begin(table.rows, page.name) :], key)
    return TablePage(
        diagnostic=table.diagnostic.name,
        columns=tables.scalars(table.diagnostic),
        total=len(table.rows),
        flagged=sum(row.weight.name in flagged_names for row in table.rows),
        rows=tables.records(replace(table, rows=tuple(rows))),
    ), headers


def begin(rows: Sequence[Row], last: str | None) -> int:
    """Where the page begins that follows this row. Raises BadCursor where there is none such."""
    if last is None:
        return 0
    for place, row in enumerate(rows):
        if key(row) == last:
            return place + 1
    raise BadCursor(UNKNOWN)


def key(row: Row) -> str:
    """What tells a row from every other one of its table."""
    return f"{reports.weight_digest(row.weight)}:{reports.group_text(row.group)}"
