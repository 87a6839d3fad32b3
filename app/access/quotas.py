"""What a project may keep and have in the queue, and what it has: asked before bytes are taken, not after."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from app.access import audit
from app.errors import BadRequest, QuotaExceeded
from app.models import Blob, Checkpoint, File, KeptResult, Prescription, PrescriptionFile, Project, Run, Transfer
from app.settings import Settings
from app.states import OPEN_RUNS
from app.tenancy import LIMITS, PROJECT, project_of

WORDS = {"bytes": "bytes of files", "files": "files", "tensors": "tensors", "runs": "queued or running runs"}
EVICTED = {"results": "bytes of kept results"}  # never a reason to refuse: what is least used goes


@dataclass(frozen=True, slots=True)
class Amounts:
    """Of each thing that is counted, how much."""

    bytes: int = 0  # of the files of checkpoints and prescriptions and of what was rewritten, as often as they are had
    files: int = 0
    tensors: int = 0
    runs: int = 0  # that wait or are under way
    results: int = 0  # bytes kept for later runs on the same tensors

    def to_json(self) -> dict[str, int]:
        return asdict(self)


def usual(settings: Settings) -> Amounts:
    """What a project may have that has no limits of its own."""
    return Amounts(
        settings.quota_bytes, settings.quota_files, settings.quota_tensors, settings.quota_runs, settings.quota_results
    )


def limits(session: Session) -> Amounts | None:
    """What the session's project may have; None where the session speaks for none, or nobody set limits."""
    defaults: Amounts | None = session.info.get(LIMITS)
    project = session.get(Project, project_of(session) or 0)
    return None if defaults is None or project is None else replace(defaults, **project.limits)


def limit_of(session: Session, settings: Settings, project: int) -> Amounts:
    """What a project may have, whoever asks."""
    found = session.get(Project, project)
    return replace(usual(settings), **(found.limits if found else {}))


def usage(session: Session) -> Amounts:
    """What the session's project has now. Weights that retention let go no longer count."""
    query = select(func.coalesce(func.sum(File.bytes), 0), func.count(File.position))
    query = query.select_from(Checkpoint).join(File, File.checkpoint_id == Checkpoint.id)
    size, files = session.execute(query.where(Checkpoint.released_at.is_(None))).one()
    rewritten = select(func.coalesce(func.sum(Blob.bytes), 0)).join(Checkpoint, Checkpoint.rewritten == Blob.sha256)
    size += session.scalar(rewritten.where(Checkpoint.released_at.is_(None))) or 0
    coming_bytes, coming = session.execute(_coming()).one()
    made_bytes, made = session.execute(_prescription_files()).one()
    tensors = session.scalar(select(func.coalesce(func.sum(Checkpoint.tensors), 0)))
    pending = session.scalar(select(func.count(Run.id)).where(Run.state.in_(OPEN_RUNS)))
    results = session.scalar(select(func.coalesce(func.sum(KeptResult.bytes), 0)))
    files += coming + made
    size += coming_bytes + made_bytes
    return Amounts(int(size), int(files), int(tensors or 0), int(pending or 0), int(results or 0))


def _coming() -> Select[int, int]:
    """Of the uploads that are no checkpoint's yet: their bytes, here or to come, and how many they are."""
    has_checkpoint = exists().where(
        File.sha256 == Transfer.sha256,
        File.checkpoint_id == Checkpoint.id,
        Checkpoint.project_id == Transfer.project_id,
    )
    return select(func.coalesce(func.sum(Transfer.bytes), 0), func.count(Transfer.id)).where(~has_checkpoint)


def _prescription_files() -> Select[int, int]:
    """Of the files that workers made for prescriptions: their bytes, and how many they are."""
    found = select(func.coalesce(func.sum(PrescriptionFile.bytes), 0), func.count(PrescriptionFile.position))
    return found.select_from(Prescription).join(PrescriptionFile)


def check(session: Session, **more: int) -> None:
    """Raises QuotaExceeded where the project may not have so many more `bytes`, `files`, `tensors` or `runs`.

    How many tensors a file holds is known when it is there: one that has room for one is let in.
    """
    allowance, has = limits(session), usage(session)
    for name, count in more.items() if allowance else ():
        limit, value = getattr(allowance, name), getattr(has, name)
        if value + count > limit:
            raise QuotaExceeded(
                f"The project uses {value:,} of the {limit:,} {WORDS[name]} that it may have, so {count:,} more do not "
                "fit. Delete what is no longer needed, or ask the administrator for more."
            )


def check_for(session: Session, settings: Settings, project: int, **more: int) -> None:
    """The same of a project for which a worker works, whose own sessions have no limits. Raises QuotaExceeded."""
    before = dict(session.info)
    session.info |= {PROJECT: project, LIMITS: usual(settings)}
    try:
        check(session, **more)
    finally:
        session.info |= {PROJECT: before.get(PROJECT), LIMITS: before.get(LIMITS)}


def admit(session: Session, size: int, files: int = 1) -> None:
    """Whether an upload may begin. Raises QuotaExceeded."""
    check(session, bytes=size, files=files, tensors=1)


def set_limits(session: Session, project: Project, own: dict[str, Any]) -> None:
    """The project's own limits from now on. Raises BadRequest."""
    for name, value in own.items():
        if name not in (*WORDS, *EVICTED) or isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadRequest(f"A limit is a whole number of {', '.join((*WORDS, *EVICTED))}, not {name}={value!r}.")
    audit.note(session, "project.limit", project.name, {"before": project.limits, "now": own})
    project.limits = dict(own)
