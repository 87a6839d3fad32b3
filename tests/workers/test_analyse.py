"""The analyst: tensor by tensor, and what goes wrong in the middle."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from analysis.diagnostic import Row
from analysis.engine.single import measure_tensor
from analysis.errors import UnknownFormat
from app.models import Result, Unit
from app.work import leases
from tests import comparisons as made
from tests.service import Service, model
from workers import analyse as analyst
from workers.ingest.task import ingest_checkpoint

WEIGHTS = 5
TABLES = 3  # rows of each weight by default: esd, norms, entries


@pytest.fixture
def planned(service: Service) -> Service:
    """A service whose run 1 has its one unit waiting."""
    service.upload(model())
    service.run(1)
    ingest_checkpoint(service.database, service.storage, service.settings, 1)
    service.workers.sent.clear()
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

    monkeypatch.setattr("workers.analyse.measure_tensor", measured)


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tensors are measured one by one, and recorded so."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(analyst, "SOON", 0.0)


@pytest.mark.usefixtures("one_core")
def test_rows_are_there_after_each_tensor(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    measuring(monkeypatch, lambda number: seen.append((results(planned), unit(planned).done, unit(planned).current)))
    analyse(planned)
    assert [count for count, _, _ in seen] == [number * TABLES for number in range(WEIGHTS)]
    assert [done for _, done, _ in seen] == [0, 1, 2, 3, 4]
    assert "Block 0 · query" in [label for _, _, label in seen]
    assert planned.get("/api/v1/runs/1")["state"] == "done"


@pytest.mark.usefixtures("one_core")
def test_a_cancelled_run_stops_after_the_tensor_in_hand(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(number: int) -> None:
        if number == 2:
            assert planned.client.post("/api/v1/runs/1/cancel").json()["state"] == "cancelled"

    measuring(monkeypatch, cancel)
    analyse(planned)
    assert results(planned) == TABLES
    assert unit(planned).state == "cancelled"


@pytest.mark.usefixtures("one_core")
def test_a_failure_is_tried_again_from_where_it_was(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_once(number: int) -> None:
        if number == 3:
            raise OSError("the disk hiccups")

    measuring(monkeypatch, fail_once)
    analyse(planned)
    waiting = unit(planned)
    assert (waiting.state, waiting.done, waiting.reason) == ("queued", 2, "OSError: the disk hiccups")
    assert planned.workers.sent == []  # the sweeper sends it, after a pause
    analyse(planned)
    assert results(planned) == TABLES * WEIGHTS
    assert planned.get("/api/v1/runs/1")["state"] == "done"


@pytest.mark.usefixtures("one_core")
def test_rows_of_small_tensors_are_recorded_together(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyst, "SOON", 3600.0)
    seen = []
    measuring(monkeypatch, lambda number: seen.append((results(planned), unit(planned).done)))
    analyse(planned)
    assert seen == [(0, 0)] * WEIGHTS
    assert (results(planned), unit(planned).done) == (TABLES * WEIGHTS, WEIGHTS)


@pytest.mark.usefixtures("one_core")
def test_what_was_measured_before_a_failure_is_recorded(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyst, "SOON", 3600.0)

    def fail(number: int) -> None:
        if number == 3:
            raise OSError("the disk hiccups")

    measuring(monkeypatch, fail)
    analyse(planned)
    assert (results(planned), unit(planned).done, unit(planned).state) == (2 * TABLES, 2, "queued")
    assert unit(planned).current == "Block 0 · query"


def test_a_run_s_units_are_taken_one_after_the_other(planned: Service) -> None:
    with planned.database.writing() as session:
        first = session.get_one(Unit, 1)
        rest = Unit(run_id=1, member=0, tensors=first.tensors[2:], costs=first.costs[2:], done=0)
        first.tensors, first.costs = first.tensors[:2], first.costs[:2]
        leases.offer(session, rest)
    analyse(planned)
    assert planned.get("/api/v1/runs/1")["state"] == "done"
    assert results(planned) == TABLES * WEIGHTS
    planned.work()  # the message of the second finds nothing to do
    assert results(planned) == TABLES * WEIGHTS


def test_after_a_while_others_in_the_queue_have_their_turn(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyst, "AT_A_TIME", 0.0)
    with planned.database.writing() as session:
        first = session.get_one(Unit, 1)
        rest = Unit(run_id=1, member=0, tensors=first.tensors[2:], costs=first.costs[2:], done=0)
        first.tensors, first.costs = first.tensors[:2], first.costs[:2]
        leases.offer(session, rest)
    analyse(planned)
    assert results(planned) == 2 * TABLES
    planned.work()
    assert planned.get("/api/v1/runs/1")["state"] == "done"


def test_what_needs_more_memory_than_the_limit_is_a_row_with_the_numbers(planned: Service) -> None:
    settings = planned.settings.model_copy(update={"memory_limit": 2000})
    analyst.analyse_unit(planned.database, planned.storage, settings, 1)
    assert planned.get("/api/v1/runs/1")["state"] == "done"
    report = planned.get("/api/v1/runs/1/report")
    assert report["coverage"]["analysed"] == 0
    assert len(report["tables"]["norms"]) == WEIGHTS
    assert "2,000 bytes are allowed" in report["tables"]["norms"][0]["note"]


def test_a_tensor_that_always_fails_costs_itself_only(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(checkpoint: Any, info: Any, *arguments: Any) -> Iterator[tuple[str, Row]]:
        if info.depth == 0 and info.role == "q":
            raise MemoryError("no room")
        return measure_tensor(checkpoint, info, *arguments)

    monkeypatch.setattr("workers.analyse.measure_tensor", measured)
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


# --- small tensors several at once ----------------------------------------------------------------------------------


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of two cores, which have room for two of these tensors."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)


@pytest.mark.usefixtures("roomy")
def test_small_tensors_go_together_and_are_recorded_in_their_order(
    planned: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = threading.Event()

    def wait(number: int) -> None:
        if number == 1:
            assert second.wait(30), "nobody measures beside the first"
        second.set()

    measuring(monkeypatch, wait)
    analyse(planned)
    assert planned.get("/api/v1/runs/1")["state"] == "done"
    with planned.database.reading() as session:
        tensors = [result.tensor for result in session.query(Result).order_by(Result.id)]
    assert tensors == sorted(tensors)
    assert len(tensors) == TABLES * WEIGHTS


@pytest.mark.usefixtures("roomy")
def test_after_a_failure_they_go_one_by_one(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with planned.database.writing() as session:
        session.get_one(Unit, 1).attempts = 1
    seen: list[tuple[str, int]] = []
    measuring(monkeypatch, lambda number: seen.append((threading.current_thread().name, results(planned))))
    analyse(planned)
    assert seen == [("MainThread", TABLES * number) for number in range(WEIGHTS)]


@pytest.mark.usefixtures("roomy")
def test_a_failure_among_several_is_that_of_its_own_tensor(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(checkpoint: Any, info: Any, *arguments: Any) -> Iterator[tuple[str, Row]]:
        if info.depth == 0 and info.role == "q":
            raise MemoryError("no room")
        return measure_tensor(checkpoint, info, *arguments)

    monkeypatch.setattr("workers.analyse.measure_tensor", measured)
    analyse(planned)
    assert (unit(planned).done, results(planned)) == (2, 2 * TABLES), "what came before it is kept, nothing after"


# --- several checkpoints --------------------------------------------------------------------------------------------


@pytest.fixture
def comparison(service: Service) -> Service:
    """A service whose run 1 compares an adapter and a full fine-tune with their base; its first unit waits."""
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter()), ("full", made.model(made.full()))):
        service.send(name, files)
    service.work()
    service.run(1, 2, 3, diagnostics={"norms": {}, "update": {}})
    service.workers.sent.clear()
    return service


@pytest.mark.usefixtures("one_core")
def test_a_comparison_goes_on_where_it_was(comparison: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.engine.comparison import measure_aligned

    seen: list[str] = []

    def measured(run: Any, aligned: Any, *arguments: Any) -> Any:
        seen.append(aligned.base.name)
        if len(seen) == 3:
            raise OSError("the disk hiccups")
        return measure_aligned(run, aligned, *arguments)

    monkeypatch.setattr("workers.analyse.measure_aligned", measured)
    analyse(comparison)
    assert (unit(comparison).state, unit(comparison).done) == ("queued", 2)
    analyse(comparison)
    comparison.workers.send("analyse", 2)
    comparison.work()
    assert comparison.get("/api/v1/runs/1")["state"] == "done"
    names = [name for name in made.base() if not name.endswith("bias")]
    assert seen == [*names[:3], *names[2:]]


def test_a_comparison_keeps_to_the_limit_of_memory(comparison: Service) -> None:
    settings = comparison.settings.model_copy(update={"memory_limit": 2000})
    analyst.analyse_unit(comparison.database, comparison.storage, settings, 1)
    rows = comparison.get("/api/v1/runs/1/report")["tables"]["update"]
    assert rows
    assert all("2,000 bytes are allowed" in row["note"] for row in rows)


def test_what_has_no_partner_is_a_unit_of_its_own(comparison: Service) -> None:
    with comparison.database.reading() as session:
        assert [(unit.member, len(unit.tensors)) for unit in session.query(Unit)] == [(0, 5), (2, 1)]
    for identity in (1, 2):
        analyst.analyse_unit(comparison.database, comparison.storage, comparison.settings, identity)
    rows = comparison.get("/api/v1/runs/1/report")["tables"]["norms"]
    assert rows[-1]["weight"] == "classifier.weight"
    assert rows[-1]["checkpoints"] == ["full"]


def test_an_adapter_that_cannot_be_opened_ends_the_run_at_once(
    comparison: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where PEFT is not installed on the worker."""

    def refuse(*arguments: Any) -> None:
        raise UnknownFormat("LOKR needs PEFT", "adapter-method")

    monkeypatch.setattr("workers.analyse.open_comparison", refuse)
    analyse(comparison)
    run = comparison.get("/api/v1/runs/1")
    assert run["state"] == "failed"
    assert run["reason"] == {"code": "adapter-method", "message": "LOKR needs PEFT"}
    assert unit(comparison).state == "cancelled"


def test_an_adapter_that_fits_in_no_module_ends_the_run(service: Service) -> None:
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter(r=2 * made.RANK))):
        service.send(name, files)
    service.work()
    service.run(1, 2, diagnostics={"intruders": {}})
    service.work()
    run = service.get("/api/v1/runs/1")
    assert (run["state"], run["reason"]["code"]) == ("failed", "adapter-settings")
    assert "lora fits base in none of 2 modules" in run["reason"]["message"]


def test_a_worker_that_is_told_to_stop_gives_its_unit_back(planned: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(number: int) -> None:
        if number == 2:
            raise SystemExit  # as the pool process does on SIGTERM

    measuring(monkeypatch, stop)
    with pytest.raises(SystemExit):
        analyse(planned)
    given = unit(planned)
    assert (given.state, given.done, given.attempts, given.lease_until) == (Unit.WAITING, 1, 0, None)
    assert planned.workers.sent == [("analyse", 1)], "another worker is woken at once"
