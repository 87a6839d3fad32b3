"""What every view of a run's tables offers a template: coverage, and the tables to download."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from analysis.coverage import Coverage
from analysis.diagnostic import Table
from app.pages.views.coverage import CoverageView, coverage_view
from app.pages.views.state import State
from frontend import numbers


@dataclass(frozen=True, slots=True)
class Export:
    title: str
    url: str
    words: str


class WholeView:
    """The run's tables as they are, in the state that the address asks for."""

    def __init__(self, tables: Sequence[Table], coverage: Coverage | None, state: State, moving: bool) -> None:
        self.whole, self.covered, self.state, self.moving = tables, coverage, state, moving
        self.q, self.show = state.shown.q, state.shown.show
        self.link, self.form_fields = state.link, state.form_fields

    @cached_property
    def coverage(self) -> CoverageView:
        assert self.covered is not None
        return coverage_view(self.covered, self.moving, self.whole[0].names if self.whole else ())

    @cached_property
    def exports(self) -> list[Export]:
        return [export(self.state.run, table) for table in self.whole]


def export(run: int, table: Table) -> Export:
    return Export(
        table.diagnostic.title,
        f"/api/v1/runs/{run}/tables/{quote(table.diagnostic.name)}.csv",
        f"{numbers.plural(len(table.rows), 'row')}, exact values",
    )
