"""A prescription that a worker holds. Without torch, so that sweepers may ask."""

from sqlalchemy.orm import Session

from app.models import Prescription
from app.settings import Settings
from app.work import leases, products


def claim(session: Session, settings: Settings, identity: int) -> Prescription | None:
    """The prescription under a lease, or None: it is done, another's, or gone."""
    return leases.claim(session, Prescription, identity, settings.lease_seconds)


def announce(session: Session, identity: int, claim: int, label: str) -> None:
    """Says which tensor is being worked on. Raises LeaseLost, so that nobody works for nothing."""
    products.announce(session, Prescription, identity, claim, label)


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """It cannot be made, whoever tries. Raises LeaseLost."""
    products.reject(session, Prescription, identity, claim, code, reason)
