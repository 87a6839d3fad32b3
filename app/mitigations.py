"""Mitigations: asked of a base and a tuned checkpoint, made by a worker, compared with both where they end well.

Locks are taken in one order everywhere, checkpoints before the mitigations that speak of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.diagnostics import requests as requests_of
from analysis.engine.comparison import distinct
from analysis.mitigation import MitigationOptions
from analysis.tensors.matching import Member as Side
from analysis.tensors.matching import align, check_base
from app import checkpoints, retention
from app.access import audit, quotas
from app.errors import Conflict, NotFound
from app.models import Checkpoint, Mitigation, Run, newest
from app.runs import runs
from app.runs.members import tensor_info
from app.settings import Settings
from app.states import OPEN_MITIGATIONS
from app.storage.blobs import Incoming, Storage
from app.tenancy import confine
from app.work import leases, products
from app.work import mitigations as mitigation_work

MOST_OPEN = 100  # that wait or are being made at once


def request(
    session: Session, base: int, tuned: int, options: Mapping[str, object], name: str | None = None
) -> Mitigation:
    """A mitigation of two checkpoints that are ready, offered to a worker.

    Raises OptionError for the options (analysis.mitigation.OPTIONS), WrongBase where the two do not belong together by
    their headers, Conflict where one is not ready or the form cannot be had.
    """
    recipe = MitigationOptions.of(options)
    rows = {identity: checkpoints.hold(session, identity, shared=True) for identity in sorted({base, tuned})}
    _check(session, rows[base], rows[tuned], recipe)
    if (
        len(session.scalars(select(Mitigation.id).where(Mitigation.state.in_(OPEN_MITIGATIONS)).limit(MOST_OPEN)).all())
        == MOST_OPEN
    ):
        raise Conflict(f"{MOST_OPEN} mitigations are already queued. Try again when some of them are done.")
    quotas.check(session, bytes=max(rows[base].bytes, rows[tuned].bytes), files=1, tensors=1, runs=1)
    title = name or f"{rows[tuned].name} mitigated λ={recipe.factor:g}"
    mitigation = Mitigation(
        name=checkpoints.clean_name(title), recipe=recipe.to_json(), base_id=base, tuned_id=tuned, report=None
    )
    leases.offer(session, mitigation)
    session.refresh(mitigation)
    audit.note(session, "mitigation.request", f"mitigation {mitigation.id}, {mitigation.name}")
    return mitigation


def _check(session: Session, base: Checkpoint, tuned: Checkpoint, recipe: MitigationOptions) -> None:
    if base is tuned:
        raise Conflict("The base and the tuned checkpoint are the same checkpoint.")
    for checkpoint in (base, tuned):
        retention.require_ready(checkpoint)
    if recipe.form == "adapter" and tuned.kind != "adapter":
        raise Conflict(
            f"Checkpoint {tuned.id} is a whole model, so the output cannot be an adapter: choose the form “weights”."
        )
    check_base(align([_side(session, base), _side(session, tuned)]), distinct([base.name, tuned.name]))


def _side(session: Session, checkpoint: Checkpoint) -> Side:
    tensors = [tensor_info(record) for record in checkpoints.tensors(session, checkpoint.id)]
    return Side("adapter" if checkpoint.kind == "adapter" else "model", tensors, checkpoint.facts)


def listing(session: Session, limit: int = 100, before: int | None = None) -> Sequence[Mitigation]:
    """The newest first; where an id is given, those made before it."""
    return newest(session, Mitigation, limit, before)


def mitigations_between(session: Session, base: int, tuned: Sequence[int]) -> Sequence[Mitigation]:
    """The mitigations of these tuned checkpoints against this base, the newest first."""
    query = select(Mitigation).where(Mitigation.base_id == base, Mitigation.tuned_id.in_(tuned))
    return session.scalars(query.order_by(Mitigation.id.desc())).all()


def get(session: Session, identity: int) -> Mitigation:
    mitigation = session.get(Mitigation, identity)
    if mitigation is None:
        raise NotFound(f"Mitigation {identity} does not exist.")
    return mitigation


def delete(session: Session, identity: int) -> None:
    """Forgets the mitigation; one that is being made is stopped. What it made stays."""
    get(session, identity)
    mitigation = session.get(Mitigation, identity, with_for_update=True, populate_existing=True)
    if mitigation is not None:
        session.delete(mitigation)
        audit.note(session, "mitigation.delete", f"mitigation {identity}")


def finish(
    session: Session,
    storage: Storage,
    settings: Settings,
    identity: int,
    claim: int,
    files: Sequence[tuple[str, Incoming]],
    report: Mapping[str, Any],
) -> Mitigation:
    """The mitigated files become a checkpoint, and a run begins that compares it with both it came from.

    Raises LeaseLost, SourceGone, and QuotaExceeded: others may have been made since it was requested.
    """
    current = products.current(session, Mitigation, identity)
    size = sum(incoming.bytes for _, incoming in files)
    quotas.check_for(session, settings, current.project_id, bytes=size, files=len(files), tensors=1)
    confine(session, current.project_id)  # what is made is of the same project
    base, tuned = mitigation_work.sources(session, current)
    for source in sorted((base.id, tuned.id)):
        _lock_source(session, source)
    mitigation = leases.lock_held(session, Mitigation, identity, claim)
    checkpoint = checkpoints.receive(session, storage, mitigation.name, files)
    mitigation.checkpoint_id = checkpoint.id
    mitigation.run_id = _compare(session, [base.id, tuned.id, checkpoint.id], mitigation.recipe).id
    mitigation.report = dict(report)
    products.end(session, mitigation)
    return mitigation


def _lock_source(session: Session, identity: int) -> None:
    """Locks a source until the end of the transaction."""
    try:
        checkpoints.hold(session, identity, shared=True)
    except NotFound:
        raise mitigation_work.SourceGone("A source was deleted before the mitigated checkpoint was made.") from None


def _compare(session: Session, ids: Sequence[int], recipe: Mapping[str, Any]) -> Run:
    """What compares several checkpoints, with the intruders counted as the recipe counts them."""
    options: dict[str, dict[str, object]] = {
        each.diagnostic.name: dict(each.options) for each in requests_of(None, len(ids))
    }
    options["intruders"] |= {"k": recipe["k"], "epsilon": recipe["epsilon"]}
    return runs.request(session, ids, options)
