"""Verdicts: asked for with a run or after it, made as soon as the run has ended, by whoever sees it first."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from analysis.errors import BaselineError
from analysis.gate.baseline import check_baseline, distil, unlike
from analysis.gate.evidence import Evidence, Lost
from analysis.gate.judge import judge
from analysis.gate.policy import Policy
from analysis.gate.reading import policy_of
from app.access import audit
from app.db import Database, clock
from app.errors import Conflict, NotFound
from app.gate import policy_file as policies
from app.models import Checkpoint, Member, Run, Verdict
from app.runs import reports, runs
from app.runs.members import members_of
from app.states import ENDED, RunState
from app.tenancy import confine_for

Asked = str | Mapping[str, Any]  # a policy: YAML text, or what it says
Baseline = int | str | Mapping[str, Any]  # a run, a checkpoint's name, or a report
AT_ONCE = 100
NO_BASELINE = "none"  # in a stored baseline's place: why there is none yet
STOPPED = "the run was cancelled before its end"


@dataclass(frozen=True, slots=True)
class Request:
    """A verdict that is asked for: all that can be known, and judged, without holding others up."""

    source: str
    policy: Policy
    baseline_run: int | None = None
    baseline: Mapping[str, Any] | None = None  # what the policy looks at of its report, or why there is none
    result: Mapping[str, Any] | None = None  # of a run that has ended


def parse_policy(asked: Asked) -> Policy:
    """Raises PolicyError."""
    return policies.read(source_of(asked)) if isinstance(asked, str) else policies.check_size(source_of(asked), asked)


def source_of(asked: Asked) -> str:
    return asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False, indent=1)


def prepare(
    session: Session, policy: Policy, source: str, against: Baseline | None = None, run: Run | None = None
) -> Request:
    """Looks for the baseline and, where there is a run that has ended, judges it: in a transaction that only reads.

    Raises BaselineError, NotFound, Conflict.
    """
    baseline_run, baseline = _baseline(session, None if run is None else run.id, policy, against)
    new_request = Request(source, policy, baseline_run, baseline)
    if run is None or run.state not in ENDED:
        return new_request
    return replace(new_request, result=_judge(session, run, policy, baseline))


def add(session: Session, run: Run, asked: Request) -> Verdict:
    """The verdict on the run as a row, with its result where that was judged before."""
    verdict = Verdict(
        run_id=run.id,
        baseline_run_id=asked.baseline_run,
        source=asked.source,
        policy=asked.policy.to_json(),
        baseline=None if asked.baseline is None else dict(asked.baseline),
    )
    session.add(verdict)
    session.flush()
    session.refresh(verdict)
    audit.note(session, "verdict.request", f"verdict {verdict.id} of run {run.id}")
    return store(session, verdict, asked.result)


def request(session: Session, run: Run, asked: Asked, against: Baseline | None = None) -> Verdict:
    """All of it in one transaction. Raises PolicyError, BaselineError, NotFound, Conflict."""
    return add(session, run, prepare(session, parse_policy(asked), source_of(asked), against, run))


def _baseline(
    session: Session, run_id: int | None, policy: Policy, against: Baseline | None
) -> tuple[int | None, dict[str, Any] | None]:
    """The baseline's run, where it is one, and what the policy looks at in its report.

    A name that no finished run is over yet is no error but a first run: the verdict says so.
    """
    match against:
        case None:
            return None, None
        case int():
            run = runs.get(session, against)
        case str():
            try:
                run = latest_over(session, against, policy, run_id)
            except NotFound as error:  # a first run
                return None, {NO_BASELINE: str(error)}
        case _:
            return None, distil(policy, check_baseline(against))
    if run.state != RunState.DONE:
        raise Conflict(f"Run {run.id} is {run.state}: a baseline must be a run that is done.")
    if difference := unlike(policy, run.diagnostics):
        raise BaselineError(f"run {run.id} cannot be the baseline for this policy: {difference}")
    return run.id, distil(policy, reports.report(session, run.id).to_json())


def latest_over(session: Session, name: str, policy: Policy, but: int | None = None) -> Run:
    """The newest finished run whose last checkpoint has that name, and that measured what the policy compares."""
    has_name = Run.members.any(Member.checkpoint.has(Checkpoint.name == name))
    query = (
        select(Run)
        .where(has_name, Run.state == RunState.DONE, Run.id != (but or 0))
        .order_by(Run.id.desc())
        .limit(AT_ONCE)
    )
    for run in session.scalars(query):
        if run.members[-1].checkpoint.name == name and not unlike(policy, run.diagnostics):
            return run
    like = "that measured what the policy compares, with the same options"
    raise NotFound(f"No finished run exists over a checkpoint named {name!r} {like}.")


def ready(session: Session, verdict: Verdict) -> bool:
    """Whether it can be made now."""
    return session.get_one(Run, verdict.run_id).state in ENDED


def result_of(session: Session, verdict: Verdict) -> Mapping[str, Any] | None:
    """What it says, stored or not; None before the run has ended. Writes nothing."""
    if verdict.result is not None or not ready(session, verdict):
        return verdict.result
    run = session.get_one(Run, verdict.run_id)
    return _judge(session, run, policy_of(verdict.policy), verdict.baseline)


def _judge(session: Session, run: Run, policy: Policy, baseline: Mapping[str, Any] | None) -> dict[str, Any]:
    reference = baseline or {}
    run_evidence = replace(evidence(session, run), no_baseline=reference.get(NO_BASELINE, ""))
    return judge(policy, run_evidence, None if NO_BASELINE in reference else baseline).to_json()


def store(session: Session, verdict: Verdict, found: Mapping[str, Any] | None) -> Verdict:
    """The verdict with this result; one that is there stays."""
    if found is not None and verdict.result is None:
        verdict.result, verdict.judged_at = dict(found), clock(session)
        detail = {name: found[name] for name in ("verdict", "passed")}
        audit.note(session, "verdict.make", f"verdict {verdict.id} of run {verdict.run_id}", detail)
    return verdict


def judge_run(session: Session, verdict: Verdict) -> Verdict:
    """The verdict with its result, where its run has ended."""
    return store(session, verdict, result_of(session, verdict))


def evidence(session: Session, run: Run) -> Evidence:
    """What the rows of a run that has ended say, and what they cannot say."""
    losses = [
        Lost(info.name, info.role, info.depth, reasons[info.name])
        for place, member in enumerate(members_of(session, run))
        for reasons in [reports.reasons_unfinished(session, run, place, member.tensors)]
        for info in member.tensors
        if info.name in reasons
    ]
    end_reason = {RunState.CANCELLED: STOPPED, RunState.FAILED: f"the run failed: {run.reason or run.reason_code}"}.get(
        run.state, ""
    )
    return Evidence(reports.report(session, run.id).to_json(), run.diagnostics, tuple(losses), end_reason)


def subject(session: Session, run_id: int) -> str:
    """The name of what a run is about: its last checkpoint."""
    run = session.get(Run, run_id)
    return run.members[-1].checkpoint.name if run is not None and run.members else ""


def get(session: Session, run_id: int, identity: int) -> Verdict:
    verdict = session.get(Verdict, identity)
    if verdict is None or verdict.run_id != run_id:
        raise NotFound(f"Run {run_id} has no verdict {identity}.")
    return verdict


def latest(session: Session, run_id: int) -> Verdict:
    """The run's newest verdict."""
    runs.get(session, run_id)
    verdict = session.scalar(select(Verdict).where(Verdict.run_id == run_id).order_by(Verdict.id.desc()).limit(1))
    if verdict is None:
        raise NotFound(f"Run {run_id} has no verdict. Request one with a policy.")
    return verdict


def listing(session: Session, run_id: int) -> Sequence[Verdict]:
    """Lists them, newest first."""
    runs.get(session, run_id)
    query = select(Verdict).where(Verdict.run_id == run_id).order_by(Verdict.id.desc())
    return session.scalars(query.limit(AT_ONCE)).all()


def make(database: Database, identity: int) -> None:
    """The verdict, made by a worker: judged while nobody waits, then stored. Nothing happens where it is gone."""
    with database.reading() as session:
        verdict = session.get(Verdict, identity)
        if verdict is None or verdict.result is not None:
            return
        with confine_for(session, verdict.project_id):
            result = result_of(session, verdict)
    with database.writing() as session:
        verdict = session.get(Verdict, identity, with_for_update=True, populate_existing=True)
        if verdict is not None:
            with confine_for(session, verdict.project_id):
                store(session, verdict, result)
