"""A mitigation that a worker holds: claimed, announced, ended in some way. Without torch, so that sweepers may ask."""

from sqlalchemy.orm import Session

from app.models import Checkpoint, Mitigation
from app.settings import Settings
from app.work import leases, products


class SourceGone(Exception):
    """The base or the tuned checkpoint was deleted meanwhile."""

    code = "source-deleted"


def claim(session: Session, settings: Settings, identity: int) -> Mitigation | None:
    """The mitigation under a lease, or None: it is done, another's, or gone."""
    return leases.claim(session, Mitigation, identity, settings.lease_seconds)


def sources(session: Session, mitigation: Mitigation) -> tuple[Checkpoint, Checkpoint]:
    """The base and the tuned checkpoint. Raises SourceGone."""
    pair = [session.get(Checkpoint, i) if i is not None else None for i in (mitigation.base_id, mitigation.tuned_id)]
    if pair[0] is None or pair[1] is None:
        what = "base" if pair[0] is None else "tuned checkpoint"
        raise SourceGone(f"The {what} was deleted before the mitigated checkpoint was made.")
    return pair[0], pair[1]


def note_progress(session: Session, identity: int, claim: int) -> None:
    """The attempt before this one found something: that is progress, so attempts start anew. Raises LeaseLost."""
    leases.lock_held(session, Mitigation, identity, claim).attempts = 1


def announce(session: Session, identity: int, claim: int, label: str) -> None:
    """Says which tensor is being worked on. Raises LeaseLost, and SourceGone, so that nobody works for nothing."""
    sources(session, products.announce(session, Mitigation, identity, claim, label))


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """It cannot be made, whoever tries. Raises LeaseLost."""
    products.reject(session, Mitigation, identity, claim, code, reason)
