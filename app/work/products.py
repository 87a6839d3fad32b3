"""What is made of stored checkpoints, held by a worker: announced, ended in some way. Without torch, for sweepers.

Everything here is true of any `Product`: a mitigated checkpoint, a prescription out of the weights.
"""

from typing import TypeVar

from sqlalchemy.orm import Session

from analysis.errors import escape
from app.db import clock
from app.models import Product
from app.settings import Settings
from app.work import leases

LONGEST_REASON = 1000  # characters

P = TypeVar("P", bound=Product)


def current(session: Session, kind: type[P], identity: int) -> P:
    """The product as it is now. Raises LeaseLost where it is gone."""
    found = session.get(kind, identity, populate_existing=True)
    if found is None:
        raise leases.LeaseLost(f"{kind.__name__} {identity} was deleted")
    return found


def announce(session: Session, kind: type[P], identity: int, claim: int, label: str) -> P:
    """Says which tensor is being worked on. Raises LeaseLost, so that nobody works for nothing."""
    product = leases.lock_held(session, kind, identity, claim)
    product.current = label
    return product


def is_over(session: Session, kind: type[P], identity: int) -> bool:
    """Whether nobody will go on with it: it is done, failed or forgotten."""
    found = session.get(kind, identity)
    return found is None or found.state not in (kind.WAITING, kind.HELD)


def reject(session: Session, kind: type[P], identity: int, claim: int, code: str, reason: str) -> None:
    """It cannot be made, whoever tries. Raises LeaseLost."""
    _give_up(session, leases.lock_held(session, kind, identity, claim), code, reason)


def fail(session: Session, settings: Settings, product: Product, reason: str) -> None:
    """An attempt failed: it is offered again, or given up when that was the last attempt."""
    if product.attempts < settings.attempts:
        product.current = None
        leases.offer(session, product, later=True)
    else:
        _give_up(session, product, product.FAILURE, f"{reason} ({product.attempts} attempts)")


def end(session: Session, product: Product) -> None:
    """It is done."""
    product.state = product.DONE
    _let_go(session, product)


def _give_up(session: Session, product: Product, code: str, reason: str) -> None:
    product.state, product.reason_code, product.reason = product.FAILED, code, _shorten(reason)
    _let_go(session, product)


def _let_go(session: Session, product: Product) -> None:
    product.lease_until, product.current = None, None
    product.finished_at = clock(session)


def _shorten(reason: str) -> str:
    """A reason for people: long ones, which repeat hostile names, cut in the middle."""
    return reason if len(reason) <= LONGEST_REASON else escape(reason)
