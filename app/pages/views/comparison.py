"""What the fine-tunes changed, as the page shows it: every part prepared once, as the address asks for it."""

from collections.abc import Sequence
from functools import cached_property

from analysis.coverage import Coverage
from analysis.diagnostic import FigureKind, Finding, Scope, Severity, Summary, Table
from analysis.findings.files import add_files
from analysis.findings.repeats import without_repeats
from analysis.report import own_summaries
from app.pages.views.cells import CellsView, counted_column
from app.pages.views.matrix import MatrixView
from app.pages.views.pictures import View, figure_url
from app.pages.views.state import State
from app.pages.views.tables import MatricesView
from app.pages.views.whole import WholeView
from frontend import numbers
from frontend.compared import Compared, brief, style_of
from frontend.tables.contrast import Contrast, contrast
from frontend.verdict import Verdict, verdict

SCOPES = (Scope.PAIR, Scope.UPDATES)
MOST_SENTENCES, LONGEST = 4, 200  # of the verdict; letters of a sentence
SERIES_FROM = 3  # tuned checkpoints; two make a series where their steps are known


def compares(tables: Sequence[Table]) -> bool:
    return any(table.diagnostic.scope in SCOPES for table in tables)


class ComparisonView(WholeView):
    """The parts of a comparison, each made when a template asks for it. The tables may still be growing."""

    def __init__(
        self, tables: Sequence[Table], coverage: Coverage | None, state: State, moving: bool, stepped: bool = False
    ) -> None:
        super().__init__(tables, coverage, state, moving)
        self.stepped = stepped
        self._measured = [table for table in tables if table.diagnostic.scope in SCOPES]
        self.tables = [table.in_network_order() for table in self._measured]
        self.pairs = [table for table in self.tables if table.diagnostic.scope is Scope.PAIR]
        self.members = [style_of(name, position) for position, name in enumerate(self.tables[0].names)]
        count = counted_column(self.pairs)
        self.where, self.one = CellsView(self._filled_tables, state, count), MatrixView(self.tables, state, count)

    @cached_property
    def _filled_tables(self) -> list[Table]:
        """The tables that have rows."""
        return [table for table in self.tables if table.rows]

    @property
    def empty(self) -> bool:
        return not self._filled_tables

    @property
    def tuned(self) -> list[Compared]:
        return self.members[1:]

    @property
    def weight(self) -> str:
        return self.one.weight

    def at(self, weight: str, position: int | None = None) -> str:
        return self.link(weight=weight, **({} if position is None else {"position": position}))

    @cached_property
    def brief(self) -> list[str]:
        """The checkpoints' names where there is little room, by position."""
        base, *tuned = (one.name for one in self.members)
        return [*brief([base]), *brief(tuned)]

    # --- the answer ---

    @cached_property
    def summaries(self) -> dict[str, Summary]:
        """In the order of the tables, without what one says that another has said of the same weights."""
        filled = [table for table in self._measured if table.rows]
        merged = without_repeats(self.own_summaries)
        found = {name: merged[name] for name in self.own_summaries}
        return add_files(found, filled[0].found, filled[0].names) if filled else found

    @cached_property
    def own_summaries(self) -> dict[str, Summary]:
        return own_summaries([table for table in self._measured if table.rows])

    @cached_property
    def verdict(self) -> Verdict:
        return verdict(self.summaries)

    @cached_property
    def sentences(self) -> list[str]:
        """The first diagnostic in words: a sentence on each tuned checkpoint, the most first; or its headline."""
        summary = next(iter(self.summaries.values()), None)
        if summary is None:
            return []
        texts = [finding.text for finding in summary.findings]
        members = sorted(self.tuned, key=lambda one: -self.one.totals.get(one.position, 0.0))
        lines = [next((text for text in texts if text.startswith(f"{one.name} ")), "") for one in members]
        if len(lines) > MOST_SENTENCES or not all(0 < len(text) <= LONGEST for text in lines):
            return [summary.headline]
        return [f"{text}." for text in lines]

    @cached_property
    def findings(self) -> list[Finding]:
        """Worst first; what the verdict has said already comes last of its severity."""
        said, ranks = {*self.sentences, *self.sayings}, list(Severity)
        return sorted(self.verdict.findings, key=lambda each: (ranks.index(each.severity), f"{each.text}." in said))

    @cached_property
    def sayings(self) -> list[str]:
        """What the diagnostics after the first say: of two updates what is found, of others the headline."""
        return [
            f"{summary.findings[0].text}."
            if table.diagnostic.scope is Scope.UPDATES and summary.findings
            else summary.headline
            for table in self._filled_tables[1:]
            for summary in [self.summaries[table.diagnostic.name]]
        ]

    @cached_property
    def contrast(self) -> Contrast:
        """The tuned checkpoints side by side."""
        return contrast(
            [table for table in self._filled_tables if table.diagnostic.scope is Scope.PAIR], self.summaries
        )

    @cached_property
    def between(self) -> Contrast:
        """Every two updates."""
        return contrast(
            [table for table in self._filled_tables if table.diagnostic.scope is Scope.UPDATES], self.summaries
        )

    @property
    def compared_words(self) -> str:
        names = {row.weight.name for table in self.pairs for row in table.rows}
        return numbers.plural(len(names), "matrix", "matrices")

    @cached_property
    def sweeps(self) -> list[View]:
        return self._overall(FigureKind.SWEEP)

    @cached_property
    def series(self) -> list[View]:
        """None where two checkpoints make no series."""
        is_series = len(self.tuned) >= SERIES_FROM or (self.stepped and len(self.tuned) > 1)
        return self._overall(FigureKind.SERIES) if is_series else []

    def _overall(self, kind: FigureKind) -> list[View]:
        figures = [(table, f) for table in self._filled_tables for f in table.diagnostic.figures if f.kind is kind]
        return [View(f.title, f.caption, f.kind, figure_url(self.state.run, table, f, {})) for table, f in figures]

    @cached_property
    def table(self) -> MatricesView:
        return MatricesView(self._filled_tables, self.state, lambda: self.own_summaries, self.one.position)
