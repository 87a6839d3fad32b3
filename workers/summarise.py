"""Makes what lists tell of an ended run. What cannot be made is logged, and not asked for again."""

import logging

from app.db import Database
from app.runs import overviews
from app.work import overviews as work

log = logging.getLogger(__name__)


def summarise_run(database: Database, run_id: int) -> None:
    """The overviews of the run, if it has ended."""
    try:
        with database.reading() as session:
            found = overviews.find(session, run_id)
        if found is not None:
            with database.writing() as session:
                overviews.store(session, run_id, found)
    except Exception:
        log.exception("run %d: its overview cannot be made", run_id)
        with database.writing() as session:
            work.end(session, run_id)
