"""The analyst: tensor by tensor, and what goes wrong in the middle."""

from collections.abc import Iterator
from typing import Any

import pytest

from analysis.diagnostic import Row
from analysis.report import measure_tensor
from app.models import Result, Unit
from tests.service import Service, model
from workers import analyst
from workers.intake import ingest_checkpoint

WEIGHTS = 5


@pytest.fixture
def planned(service: Service) -> Service:
    """A service whose run 1 has its one unit waiting."""
    service.upload(model())
    service.run(1)
    ingest_checkpoint(service.database, service.storage, service.settings, 1)
    service.hands.sent.clear()
    return service


def analyse(service: Service) -> None:
    analyst.analyse_unit(service.database, service.storage, service.settings, 1)


def unit(service: Service) -> Unit:
    with service.database.reading() as session:
        return session.get_one(Unit, 1)


def results(service: Service) -> int:
    with service.database.reading() as session:
        return session.query(Result).count()


def measuring(monkeypatch: pytest.MonkeyPatch, before: Any) -> None:
    """Has `before(number)` called before each tensor is measured."""
    count = 0

    def measured(*arguments: Any) -> Iterator[tuple[str, Row]]:
        nonlocal count
        count += 1
        before(count)
        return measure_tensor(*arguments)

    monkeypatch.setattr("workers.analyst.measure_tensor", measured)


def test_rows_are_there_after_each_tensor(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    measuring(monkeypatch, lambda number: seen.append((results(planned), unit(planned).done, unit(planned).current)))
    analyse(planned)
    assert [count for count, _, _ in seen] == [0, 2, 4, 6, 8]
    assert [done for _, done, _ in seen] == [0, 1, 2, 3, 4]
    assert "Block 0 · query" in [label for _, _, label in seen]
    assert planned.get("/api/v1/runs/1")["state"] == "done"


def test_a_cancelled_run_stops_after_the_tensor_in_hand(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(number: int) -> None:
        if number == 2:
            assert planned.client.post("/api/v1/runs/1/cancel").json()["state"] == "cancelled"

    measuring(monkeypatch, cancel)
    analyse(planned)
    assert results(planned) == 2
    assert unit(planned).state == "cancelled"


def test_a_failure_is_tried_again_from_where_it_was(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_once(number: int) -> None:
        if number == 3:
            raise OSError("the disk hiccups")

    measuring(monkeypatch, fail_once)
    analyse(planned)
    waiting = unit(planned)
    assert (waiting.state, waiting.done, waiting.reason) == ("queued", 2, "OSError: the disk hiccups")
    assert planned.hands.sent == []  # the sweeper sends it, after a pause
    analyse(planned)
    assert results(planned) == 2 * WEIGHTS
    assert planned.get("/api/v1/runs/1")["state"] == "done"


def test_a_tensor_that_always_fails_costs_itself_only(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(checkpoint: Any, info: Any, *arguments: Any) -> Iterator[tuple[str, Row]]:
        if info.depth == 0 and info.role == "q":
            raise MemoryError("no room")
        return measure_tensor(checkpoint, info, *arguments)

    monkeypatch.setattr("workers.analyst.measure_tensor", measured)
    for _ in range(3):
        analyse(planned)
    planned.work()
    assert planned.get("/api/v1/runs/1")["state"] == "done"
    coverage = planned.get("/api/v1/runs/1/report")["coverage"]
    assert coverage["analysed"] == WEIGHTS - 1
    reasons = {each["tensor"]: each["reason"] for each in coverage["skipped"]}
    assert reasons["model.layers.0.self_attn.q_proj.weight"] == "MemoryError: no room (3 attempts)"


def test_a_unit_that_another_holds_is_left_alone(planned: Service) -> None:
    with planned.database.writing() as session:
        session.get_one(Unit, 1).state = Unit.HELD
    analyse(planned)
    assert results(planned) == 0
    analyst.analyse_unit(planned.database, planned.storage, planned.settings, 99)


def test_what_was_taken_over_is_not_recorded_by_the_first(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken_over(number: int) -> None:
        if number == 1:
            with planned.database.writing() as session:
                session.get_one(Unit, 1).claim += 1

    measuring(monkeypatch, taken_over)
    analyse(planned)
    assert results(planned) == 0
    assert unit(planned).state == Unit.HELD
