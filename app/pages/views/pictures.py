"""A figure on the page: its words, where its Plotly JSON is, and the key of roles that it needs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from analysis.diagnostic import Figure, FigureKind, Row, Table
from app.pages.views.state import State
from frontend.palette import Look, look, order
from frontend.rows import number

VIEWS = {FigureKind.DEPTH: "By depth", FigureKind.FLOW: "In order", FigureKind.DISTRIBUTION: "By role"}
UNNAMED = re.compile(r"[^\w.-]+")  # what stands in no id
BY_ROLE = (FigureKind.FLOW, FigureKind.SCATTER)  # figures whose marks need a key of roles


@dataclass(frozen=True, slots=True)
class View:
    """A figure on the page, and where its Plotly JSON is."""

    title: str
    caption: str
    kind: str
    url: str
    note: str = ""  # what of it is missing, and why
    tail: bool = False  # whether a fitted tail is drawn
    roles: tuple[Look, ...] = ()  # a key of roles

    @property
    def id(self) -> str:
        """What the page calls it, whichever weight it shows: part of addresses that people keep."""
        path, _, query = self.url.partition("?")
        places = [value for name, value in parse_qsl(query) if name in ("position", "group", "role")]
        return UNNAMED.sub("-", "-".join(("figure", *path.split("/")[-2:], *places)))


@dataclass(frozen=True, slots=True)
class Tab:
    title: str
    name: str
    url: str
    current: bool


def figure_url(run: int, table: Table, figure: Figure, query: Mapping[str, str]) -> str:
    """Where a figure's Plotly JSON is."""
    path = f"/api/v1/runs/{run}/figures/{quote(table.diagnostic.name)}/{quote(figure.name)}"
    return path + (f"?{urlencode(query, errors='replace')}" if query else "")


def view_table(state: State, table: Table, figure: Figure, columns: Sequence[str] = ()) -> View:
    """A figure of the whole table, with a key of the roles that have values in these columns."""
    has_key = figure.kind in BY_ROLE
    roles = {r.weight.role for r in table.rows if has_key and all(number(r, name) is not None for name in columns)}
    url = figure_url(state.run, table, figure, _position(state))
    return View(
        figure.title, figure.caption, figure.kind, url, roles=tuple(look(role) for role in sorted(roles, key=order))
    )


def view_row(state: State, table: Table, figure: Figure, row: Row) -> View:
    """A figure of one weight, with the row's note where a part has no value."""
    url = figure_url(state.run, table, figure, {"weight": row.weight.name} | _position(state))
    absent = any(name in row.measurement.values and row.value(name) is None for name in figure.parts.values())
    tail = "xmin" in figure.parts and row.value(figure.parts["xmin"]) is not None
    return View(figure.title, figure.caption, figure.kind, url, row.reason if absent else "", tail)


def _position(state: State) -> dict[str, str]:
    return {"position": str(state.shown.position)} if state.shown.position else {}
