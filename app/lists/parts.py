"""Parts of a report that has too many layers for one page: ranges of tensors in the order of the file."""

from collections.abc import Sequence

from sqlalchemy import func, select

from app.db import Session
from app.models import Result, Run
from app.runs.reports import group_text

MOST = 2_000  # rows of a table on one page: a second of work, 1 MB of HTML


def parts_of(session: Session, run: Run) -> list[range]:
    """The places of the tensors (`Result.tensor`) in each part; none where the report is shown as a whole.

    A part has at most MOST rows of the run's first diagnostic, or one tensor that alone has more.
    """
    if sum(member.checkpoint.tensors or 0 for member in run.members) <= MOST:
        return []
    query = select(Result.tensor, func.count()).where(Result.run_id == run.id)
    query = query.where(Result.diagnostic == next(iter(run.diagnostics)))
    if len(run.members) == 1:
        query = query.where(Result.group == group_text((0,)))  # as the index has them
    counts = session.execute(query.group_by(Result.tensor).order_by(Result.tensor)).all()
    starts, rows = [0], 0
    for tensor, count in counts:
        if rows and rows + count > MOST:
            starts.append(tensor)
            rows = 0
        rows += count
    if len(starts) == 1:
        return []
    ends = [*starts[1:], counts[-1][0] + 1]
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


def place_of(session: Session, run: Run, parts: Sequence[range], weight: str) -> int | None:
    """Which part has the weight; None where none has."""
    query = select(Result.tensor).where(Result.run_id == run.id, Result.info["name"].as_string() == weight)
    tensor = session.scalar(query.limit(1))
    return next((place for place, part in enumerate(parts) if tensor in part), None)
