"""Reports of ended runs in memory: another question about one is answered without its rows being read again.

A report is found under its version, which changes with all that it tells (`app.etags`), after the caller's own session
has seen the run: nobody is given what they may not see.
"""

import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TypeVar

from cachetools import LRUCache
from sqlalchemy.orm import Session

from analysis.diagnostic import Table
from analysis.report import Report
from app import etags
from app.runs import reports
from app.runs.memo import Memo

MADE = 8  # things made of each report, as the tables of one checkpoint
ROOM = 15_000  # rows of tables together, about 4 kB each
T = TypeVar("T")


class KeptReport:
    """A report, and what was made of it."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.rows = sum(len(table.rows) for table in report.tables)
        self._memo = Memo(MADE)

    def make_once(self, key: Hashable, make: Callable[[Report], T]) -> T:
        """What `make` makes of the report (`Memo.make_once`)."""
        return self._memo.make_once(key, lambda: make(self.report))


class ReportCache:
    """The reports asked for last, as long as there is room."""

    def __init__(self, room: int = ROOM) -> None:
        self._kept: LRUCache[str, KeptReport] = LRUCache(room, getsizeof=lambda kept: kept.rows)
        self._lock = threading.Lock()

    def find(self, session: Session, run_id: int, part: range | None = None) -> KeptReport:
        """The run's report, or a part of it: of a run that has not ended as it is now. Raises NotFound."""
        version = etags.of_run(session, run_id)
        key = version.name if part is None else f"{version.name} {part.start} {part.stop}"
        with self._lock:
            kept = self._kept.get(key) if version.final else None
        if kept is None:
            kept = KeptReport(reports.report(session, run_id, part))
            if version.final and etags.of_run(session, run_id) == version:  # else a name was changed meanwhile
                with self._lock, suppress(ValueError):  # larger than all the room: read each time
                    self._kept[key] = kept
        return kept

    def table(self, session: Session, run_id: int, diagnostic: str) -> Table:
        """The report's table of one diagnostic. Raises NotFound."""
        tables = self.find(session, run_id).report.tables
        found = next((table for table in tables if table.diagnostic.name == diagnostic), None)
        return reports.table(session, run_id, diagnostic) if found is None else found
