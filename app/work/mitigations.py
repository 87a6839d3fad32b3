"""A mitigation that a worker holds: claimed, announced, ended in some way. Without torch, so that sweepers may ask."""

from sqlalchemy.orm import Session

from analysis.errors import escape
from app.db import clock
from app.models import Checkpoint, Mitigation
from app.settings import Settings
from app.states import OPEN_MITIGATIONS, MitigationState
from app.work import leases

LONGEST_REASON = 1000  # characters


class SourceGone(Exception):
    """The base or the tuned checkpoint was deleted meanwhile."""

    code = "source-deleted"


def claim(session: Session, settings: Settings, identity: int) -> Mitigation | None:
    """The mitigation under a lease, or None: it is done, another's, or gone."""
    return leases.claim(session, Mitigation, identity, settings.lease_seconds)


def current(session: Session, identity: int) -> Mitigation:
    """The mitigation as it is now. Raises LeaseLost where it is gone."""
    mitigation = session.get(Mitigation, identity, populate_existing=True)
    if mitigation is None:
        raise leases.LeaseLost(f"Mitigation {identity} was deleted")
    return mitigation


def sources(session: Session, mitigation: Mitigation) -> tuple[Checkpoint, Checkpoint]:
    """The base and the tuned checkpoint. Raises SourceGone."""
    found = [session.get(Checkpoint, i) if i is not None else None for i in (mitigation.base_id, mitigation.tuned_id)]
    if found[0] is None or found[1] is None:
        what = "base" if found[0] is None else "tuned checkpoint"
        raise SourceGone(f"The {what} was deleted before the mitigated checkpoint was made.")
    return found[0], found[1]


def note_progress(session: Session, identity: int, claim: int) -> None:
    """The attempt before this one found something: that is progress, so attempts start anew. Raises LeaseLost."""
    leases.lock_held(session, Mitigation, identity, claim).attempts = 1


def announce(session: Session, identity: int, claim: int, label: str) -> None:
    """Says which tensor is being worked on. Raises LeaseLost, and SourceGone, so that nobody works for nothing."""
    mitigation = leases.lock_held(session, Mitigation, identity, claim)
    sources(session, mitigation)
    mitigation.current = label


def is_over(session: Session, identity: int) -> bool:
    """Whether nobody will go on with it: it is done, failed or forgotten."""
    found = session.get(Mitigation, identity)
    return found is None or found.state not in OPEN_MITIGATIONS


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """It cannot be made, whoever tries. Raises LeaseLost."""
    _fail(session, leases.lock_held(session, Mitigation, identity, claim), code, reason)


def fail(session: Session, settings: Settings, mitigation: Mitigation, reason: str) -> None:
    """An attempt failed: it is offered again, or given up when that was the last attempt."""
    if mitigation.attempts < settings.attempts:
        mitigation.current = None
        leases.offer(session, mitigation, later=True)
    else:
        _fail(session, mitigation, "mitigation-failed", f"{reason} ({mitigation.attempts} attempts)")


def _fail(session: Session, mitigation: Mitigation, code: str, reason: str) -> None:
    mitigation.reason_code, mitigation.reason = code, _shorten(reason)
    end(session, mitigation, MitigationState.FAILED)


def _shorten(reason: str) -> str:
    """A reason for people: long ones, which repeat hostile names, cut in the middle."""
    return reason if len(reason) <= LONGEST_REASON else escape(reason)


def end(session: Session, mitigation: Mitigation, state: MitigationState) -> None:
    mitigation.state, mitigation.lease_until, mitigation.current = state, None, None
    mitigation.finished_at = clock(session)
