"""Columns: what no database can store is replaced, and all other text and JSON is kept as it is."""

import pytest
from sqlalchemy import select

from app.models import Run
from app.models.base import StateText
from app.states import RunState
from tests.service import Service


def test_text_out_of_hostile_files_can_be_stored(service: Service) -> None:
    with service.database.writing() as session:
        session.add(Run(state="failed", diagnostics={}, reason="a\x00b\ud800c"))
    with service.database.reading() as session:
        assert session.scalars(select(Run.reason)).all() == ["a\ufffdb\ufffdc"]


def test_json_keeps_every_name_and_number_as_it_is(service: Service) -> None:
    info = {"name": "a\x00\ud800<b>", "x": 0.1 + 0.2, "big": 2**62}
    with service.database.writing() as session:
        session.add(Run(state="failed", diagnostics=info))
    with service.database.reading() as session:
        assert session.scalars(select(Run.diagnostics)).all() == [info]


def test_a_state_is_stored_as_its_text_and_read_as_its_member() -> None:
    column = StateText(RunState)
    assert column.process_bind_param("failed", None) == "failed"
    assert column.process_result_value("failed", None) is RunState.FAILED
    with pytest.raises(ValueError, match="'lost' is not a valid RunState"):
        column.process_bind_param("lost", None)
