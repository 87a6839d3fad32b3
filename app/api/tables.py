"""Tables: the measurements of one diagnostic in one run, as JSON and as CSV."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from app import reports, tables
from app.api.dependencies import Identity, Limit, Offset, Reading
from app.api.problems import responses
from app.api.shapes import GROUP
from app.reports import group_of

router = APIRouter(prefix="/runs/{identity}/tables", tags=["tables"])
Name = str


class TablePage(BaseModel):
    """Some rows of a table. A row tells what it is about, then each column by its name, then a note."""

    diagnostic: str = Field(examples=["esd"])
    columns: list[str] = Field(examples=[["alpha", "sigma", "D", "xmin"]])
    total: int = Field(description="Rows that match, on all pages.", examples=[40])
    flagged: int = Field(description="Rows of them that deserve a look.", examples=[3])
    rows: list[dict[str, Any]]


class Filters(BaseModel):
    """Which rows, and in which order."""

    model_config = {"extra": "forbid"}

    sort: str | None = Field(None, max_length=100, examples=["-alpha"], description="A column; with “-” descending.")
    q: str = Field("", max_length=1000, description="Text in the weight's name or label.", examples=["query"])
    role: str | None = Field(None, max_length=100, examples=["q"])
    depth: int | None = Field(None, ge=0, le=2**31 - 1)
    group: str | None = Field(
        None, pattern=GROUP, examples=["0,1"], description="Only rows of these places of the run: base and tuned."
    )
    flagged: bool | None = Field(None, description="Only the rows that deserve a look, or only the others.")

    def selection(self) -> tables.Selection:
        group = None if self.group is None else group_of(self.group)
        return tables.Selection(self.sort, self.q, self.role, self.depth, group, self.flagged)


class Page(Filters):
    """Filters, and which page."""

    limit: Limit = 1000
    offset: Offset = 0


CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "The rows, exact."}
}


@router.get(
    "/{diagnostic}.csv",
    responses=CSV | responses(400, 404),
    response_class=Response,
    operation_id="get_table_csv",
)
def as_csv(session: Reading, identity: Identity, diagnostic: Name, asked: Annotated[Filters, Query()]) -> Response:
    """The table as CSV: one header line of registered names, exact numbers, empty where absent."""
    found = tables.select(reports.table(session, identity, diagnostic), asked.selection())
    name = f"run-{identity}-{found.diagnostic.name}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("".join(tables.to_csv(found)), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{diagnostic}", responses=responses(400, 404), operation_id="get_table")
def show(session: Reading, identity: Identity, diagnostic: Name, asked: Annotated[Page, Query()]) -> TablePage:
    """The rows so far: of a running run those that are done."""
    whole = reports.table(session, identity, diagnostic)
    found = tables.select(whole, asked.selection())
    noted = reports.flagged(whole)
    return TablePage(
        diagnostic=diagnostic,
        columns=tables.scalars(found.diagnostic),
        total=len(found.rows),
        flagged=sum(row.weight.name in noted for row in found.rows),
        rows=tables.records(found)[asked.offset : asked.offset + asked.limit],
    )
