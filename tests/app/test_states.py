"""States: as the API says them, and the same text in the database."""

import typing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError

from app import states
from app.api import mitigations, schemas, verdicts, webhooks
from app.models import Run
from app.states import CheckpointState, DeliveryState, MitigationState, RunState, UnitState, VerdictState
from tests.service import Service


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (CheckpointState, schemas.Checkpoint),
        (RunState, schemas.Run),
        (MitigationState, mitigations.Mitigation),
        (DeliveryState, webhooks.Delivery),
        (VerdictState, verdicts.Verdict),
    ],
)  # fmt: skip
def test_the_api_says_the_same(kind: type[str], told: typing.Any) -> None:
    assert set(typing.get_args(told.model_fields["state"].annotation)) == {str(state) for state in kind}  # type: ignore[attr-defined]


def test_a_state_is_its_text_in_the_database_and_a_member_when_it_is_read(service: Service) -> None:
    with service.database.writing() as session:
        session.add(Run(state=RunState.CANCELLED, diagnostics={}))
    with service.database.reading() as session:
        assert session.execute(text("SELECT state FROM runs")).scalars().all() == ["cancelled"]
        assert type(session.query(Run).one().state) is RunState


def test_a_state_that_there_is_not_is_refused(service: Service) -> None:
    with pytest.raises(StatementError), service.database.writing() as session:
        session.add(Run(state="canceled", diagnostics={}))


@pytest.mark.parametrize(
    ("open_ones", "ended", "kind"),
    [
        (states.OPEN_CHECKPOINTS, (CheckpointState.READY, CheckpointState.REJECTED), CheckpointState),
        (states.OPEN_RUNS, states.ENDED, RunState),
        (states.OPEN_UNITS, (UnitState.DONE, UnitState.FAILED, UnitState.CANCELLED), UnitState),
        (states.OPEN_MITIGATIONS, (MitigationState.DONE, MitigationState.FAILED), MitigationState),
    ],
)
def test_a_state_is_open_or_ended(open_ones: tuple[str, ...], ended: tuple[str, ...], kind: type[str]) -> None:
    assert set(open_ones) | set(ended) == set(kind)  # type: ignore[call-overload]
    assert not set(open_ones) & set(ended)
