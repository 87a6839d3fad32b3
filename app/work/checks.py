"""A check that a worker holds. Without torch, so that sweepers may ask."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.models import Check
from app.settings import Settings
from app.work import leases, products


def claim(session: Session, settings: Settings, identity: int) -> Check | None:
    """The check under a lease, or None: it is done, another's, or gone."""
    return leases.claim(session, Check, identity, settings.lease_seconds)


def reject(session: Session, identity: int, claim: int, code: str, reason: str) -> None:
    """It cannot be made, whoever tries. Raises LeaseLost."""
    products.reject(session, Check, identity, claim, code, reason)


def finish(session: Session, identity: int, claim: int, version: str, columns: Sequence[Mapping[str, Any]]) -> None:
    """It is done, with the columns of both. Raises LeaseLost."""
    check = leases.lock_held(session, Check, identity, claim)
    check.version, check.columns = version, [dict(column) for column in columns]
    products.end(session, check)
