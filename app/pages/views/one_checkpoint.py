"""A report's tables of one of its checkpoints, as every address of its page shows them: made once for all of these."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from analysis.coverage import Coverage
from analysis.diagnostic import Summary, Table
from analysis.report import own_summaries, summaries_of
from frontend.rows import rows_at
from frontend.tables.columns import Place, places


class OneCheckpoint:
    """The checkpoint at this place of the run. `whole` are the tables of all of them; `tables` its own, in order."""

    def __init__(self, whole: Sequence[Table], coverage: Coverage | None, position: int) -> None:
        self.whole, self.coverage, self.position = whole, coverage, position
        self._measured = [replace(table, rows=tuple(rows_at(table, position))) for table in whole]
        self.tables = [table.in_network_order() for table in self._measured]

    @cached_property
    def places(self) -> dict[str, Place]:
        return places(self.tables)

    @cached_property
    def own_summaries(self) -> Mapping[str, Summary]:
        """What each table says by itself."""
        return own_summaries(self._measured)

    @cached_property
    def summaries(self) -> Mapping[str, Summary]:
        """The same beside each other, with what was found about the files."""
        return summaries_of(self._measured, self.coverage, self.own_summaries)
