"""Prescriptions out of the weights: asked of a worker, and finished with the files that it made.

Locks are taken in one order everywhere: checkpoints, the run, the prescription.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.errors import WrongMembers
from analysis.findings.wording import quantity
from analysis.prescriptions import Rule, rule
from app import checkpoints, retention
from app.access import audit, quotas
from app.errors import BadRequest, Conflict, NotFound
from app.models import Prescription, PrescriptionFile
from app.prescriptions import rows
from app.runs import runs
from app.settings import Settings
from app.states import OPEN_PRESCRIPTIONS
from app.storage.blobs import Incoming, Storage
from app.tenancy import speak
from app.work import leases, products

MOST_OPEN = 100  # that wait or are being made at once


def request(
    session: Session,
    run_id: int,
    kind: str,
    options: Mapping[str, object],
    positions: Sequence[int] | None = None,
    position: int | None = None,
) -> Prescription:
    """What the rule says of the weights of these of the run's checkpoints, offered to a worker.

    `positions` are their places in the run, in the order that the rule takes them, or `position` is the place of one,
    which a rule on an update takes after the run's base; neither: what the rule takes of the run. Raises OptionError,
    WrongMembers for a number of checkpoints that the rule does not take, NotFound, and Conflict where one is not ready
    or its weights were deleted.
    """
    chosen = rule(kind)
    settings = chosen.settings(options)
    members = runs.get(session, run_id).members
    chosen_places = choose_positions(chosen, run_id, len(members), positions, position)
    _check(session, [members[place].checkpoint_id for place in chosen_places])
    rows.hold_run(session, run_id)
    row = Prescription(
        run_id=run_id, position=chosen_places[-1], positions=chosen_places, kind=kind, options=dict(settings),
        record={}, files={},
    )  # fmt: skip
    leases.offer(session, row)
    session.refresh(row)
    audit.note(session, "prescription.request", rows.name_prescription(row))
    return row


def choose_positions(
    chosen: Rule, run_id: int, count: int, positions: Sequence[int] | None = None, position: int | None = None
) -> list[int]:
    """The places of the checkpoints out of `count`, as `request` takes them.

    Raises BadRequest where one is named twice, NotFound where there is none, and WrongMembers.
    """
    if positions is not None and position is not None:
        raise BadRequest("Name `position` or `positions`, not both.")
    if positions is not None:
        places = list(positions)
    elif position is not None:
        places = [0, position] if chosen.most == 2 and position > 0 else [position]
    else:
        places = list(range(count if chosen.most is None else min(count, chosen.most)))
    if len(set(places)) < len(places):
        raise BadRequest("A checkpoint of the run is named twice: name each position once.")
    for place in places:
        if not 0 <= place < count:
            raise NotFound(f"Run {run_id} has no checkpoint at position {place}.")
    if len(places) < chosen.fewest or (chosen.most is not None and len(places) > chosen.most):
        raise WrongMembers(f"{chosen.name} takes {chosen.inputs}, not {quantity(len(places), 'checkpoint')}")
    return places


def _check(session: Session, identities: Sequence[int]) -> None:
    """Raises Conflict for weights that cannot be read now, and where too much waits; QuotaExceeded."""
    held = [checkpoints.hold(session, identity, shared=True) for identity in sorted(set(identities))]
    for checkpoint in held:
        retention.require_ready(checkpoint)
    waiting = select(Prescription.id).where(Prescription.state.in_(OPEN_PRESCRIPTIONS)).limit(MOST_OPEN)
    if len(session.scalars(waiting).all()) == MOST_OPEN:
        raise Conflict(f"{MOST_OPEN} prescriptions are already queued. Try again when some of them are done.")
    quotas.check(session, files=1)


def finish(
    session: Session,
    storage: Storage,
    settings: Settings,
    identity: int,
    claim: int,
    files: Sequence[tuple[str, Incoming]],
    record: Mapping[str, Any],
) -> Prescription:
    """It is done, with what the rule says and its files. Raises LeaseLost, and QuotaExceeded for too large files."""
    row = leases.lock_held(session, Prescription, identity, claim)
    speak(session, row.project_id, None, quotas.usual(settings))
    quotas.check(session, bytes=sum(incoming.bytes for _, incoming in files), files=len(files))
    for _, incoming in sorted(files, key=lambda file: file[1].sha256):  # one order of locks for everyone
        checkpoints.keep(session, storage, incoming)
    row.stored = [
        PrescriptionFile(position=position, name=name, sha256=incoming.sha256, bytes=incoming.bytes)
        for position, (name, incoming) in enumerate(files)
    ]
    row.record = dict(record)
    products.end(session, row)
    return row
