"""The same weight in other reports: by its exact name, whatever the checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.diagnostic import Row
from analysis.weight import WeightInfo
from app.models import Checkpoint, Member, Result, Run
from app.runs.reports import group_of, row_of, weight_digest

MOST = 60  # checkpoints
READ = 1000  # results looked at, the newest first


@dataclass(frozen=True, slots=True)
class Seen:
    """The weight in one checkpoint's newest report: its row by diagnostic."""

    run: int
    position: int
    checkpoint: Checkpoint
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def step(self) -> float | None:
        value = self.checkpoint.known.get("step")
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def find(session: Session, info: WeightInfo, diagnostics: Sequence[str]) -> list[Seen]:
    """Each checkpoint that was measured by itself with this weight, from the newest run outside the trash that has it.

    By training step where all state one, else as they were added. At most MOST checkpoints.
    """
    query = select(Result).join(Run, Run.id == Result.run_id)
    query = query.where(Result.weight_digest == weight_digest(info), Result.diagnostic.in_(diagnostics))
    query = query.where(Run.trashed_at.is_(None)).order_by(Result.run_id.desc(), Result.id).limit(READ)
    results = [result for result in session.scalars(query) if "," not in result.group]
    members = _members(session, sorted({result.run_id for result in results}))
    found: dict[int, Seen] = {}
    for result in results:
        (position,) = group_of(result.group)
        checkpoint = members.get((result.run_id, position))
        if checkpoint is None or checkpoint.trashed_at is not None:
            continue
        seen = found.setdefault(checkpoint.id, Seen(result.run_id, position, checkpoint))
        seen.rows.setdefault(result.diagnostic, row_of(result))
    newest = list(found.values())[:MOST]
    has_steps = all(seen.step is not None for seen in newest)
    return sorted(
        newest, key=lambda seen: (seen.step or 0.0, seen.checkpoint.id) if has_steps else (0.0, seen.checkpoint.id)
    )


def _members(session: Session, run_ids: Sequence[int]) -> dict[tuple[int, int], Checkpoint]:
    query = select(Member).where(Member.run_id.in_(run_ids))
    return {(member.run_id, member.position): member.checkpoint for member in session.scalars(query)}
