"""Runs: asked for, followed, stopped."""

import pytest

from analysis.errors import OptionError
from app.db import clock
from app.errors import BadRequest, Conflict, NotFound
from app.models import Checkpoint, Run, Unit
from app.runs import runs
from app.states import RunState
from app.work import units
from tests import comparisons as made
from tests.service import Service, model


def test_a_run_waits_until_its_checkpoints_are_ready(service: Service) -> None:
    service.upload(model())
    assert service.run(1)["state"] == "waiting"
    service.work()
    done = service.get("/api/v1/runs/1")
    assert done["state"] == "done"
    assert done["progress"] == {"done": 5, "total": 5, "current": None, "eta_seconds": None}
    assert done["device"] in ("cpu", "cuda")
    assert done["created_at"] <= done["started_at"] <= done["finished_at"]


def test_a_run_over_a_ready_checkpoint_starts_at_once(analysed: Service) -> None:
    assert analysed.run(1, diagnostics={"norms": {}})["state"] == "running"
    analysed.work()
    assert list(analysed.get("/api/v1/runs/2/report")["tables"]) == ["norms"]


def test_a_checkpoint_without_a_matrix_gives_an_empty_report(service: Service) -> None:
    import torch
    from safetensors.torch import save

    service.upload(save({"norm.bias": torch.zeros(4)}))
    service.run(1)
    service.work()
    assert service.get("/api/v1/runs/1")["state"] == "done"
    report = service.get("/api/v1/runs/1/report")
    assert report["coverage"]["analysed"] == 0
    assert report["tables"] == {"esd": [], "norms": [], "entries": []}


@pytest.mark.parametrize("asked", [[], [1, 1], list(range(1, 18))])
def test_a_run_is_over_a_few_different_checkpoints(service: Service, asked: list[int]) -> None:
    with service.database.writing() as session, pytest.raises(BadRequest):
        runs.request(session, asked)


def test_what_is_not_offered_is_refused(analysed: Service) -> None:
    with analysed.database.writing() as session:
        with pytest.raises(OptionError, match="there is no diagnostic"):
            runs.request(session, [1], {"astrology": {}})
        with pytest.raises(OptionError):
            runs.request(session, [1], {"esd": {"no such option": 1}})
        with pytest.raises(NotFound):
            runs.request(session, [7])


def test_a_rejected_checkpoint_cannot_be_analysed(service: Service) -> None:
    service.upload(b"")
    service.work()
    with service.database.writing() as session, pytest.raises(Conflict, match="was rejected"):
        runs.request(session, [1])


def test_a_cancelled_run_says_so_at_once_and_stays_so(service: Service) -> None:
    service.upload(model())
    service.run(1)
    name, identity = service.workers.sent.pop(0)
    assert name == "ingest"
    from workers.ingest.task import ingest_checkpoint

    ingest_checkpoint(service.database, service.storage, service.settings, identity)
    cancelled = service.client.post("/api/v1/runs/1/cancel").json()
    assert cancelled["state"] == "cancelled"
    service.work()
    assert service.client.post("/api/v1/runs/1/cancel").json() == cancelled
    assert service.get("/api/v1/runs/1")["progress"]["done"] == 0


def test_a_cancelled_run_that_waited_never_starts(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.client.post("/api/v1/runs/1/cancel")
    service.work()
    assert service.get("/api/v1/runs/1")["state"] == "cancelled"


def test_the_time_left_goes_by_predicted_cost(service: Service) -> None:
    with service.database.writing() as session:
        run = Run(state="running", diagnostics={})
        session.add(run)
        session.flush()
        half = Unit(run_id=run.id, state="leased", member=0, tensors=[0, 1], costs=[10.0, 20.0], done=1, current="x")
        session.add(half)
        session.flush()
        assert runs.progress(session, run).eta_seconds is None
        run.started_at = clock(session) - 5.0
        progress = runs.progress(session, run)
        assert (progress.done, progress.total, progress.current) == (1, 2, "x")
        assert progress.eta_seconds == pytest.approx(10.0, abs=0.3)
        units.close(session, run, RunState.CANCELLED, "cancelled", "")
        assert runs.progress(session, run).eta_seconds is None


# --- several checkpoints --------------------------------------------------------------------------------------------


@pytest.fixture
def three(service: Service) -> Service:
    """A service with a base, an adapter and a full fine-tune of it: checkpoints 1, 2 and 3."""
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter()), ("full", made.model(made.full()))):
        service.send(name, files)
    service.work()
    return service


def test_sixteen_checkpoints_may_be_compared(service: Service) -> None:
    assert runs.MOST_CHECKPOINTS == 16


def test_several_checkpoints_are_compared_where_nobody_says_otherwise(three: Service) -> None:
    assert list(three.run(1, 2)["diagnostics"]) == ["intruders", "update"]
    assert list(three.run(1, 2, 3)["diagnostics"]) == ["intruders", "update", "overlap"]
    assert list(three.run(1)["diagnostics"]) == ["esd", "norms", "entries"]


def test_a_comparison_needs_something_to_compare_with(three: Service) -> None:
    with three.database.writing() as session:
        with pytest.raises(OptionError, match="needs two checkpoints or more, the base first, not 1"):
            runs.request(session, [1], {"update": {}})
        with pytest.raises(OptionError, match="needs three checkpoints or more, the base first, not 2"):
            runs.request(session, [1, 2], {"overlap": {}})


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ([2], "adapter-alone", "lora is an adapter: request a run over its base model"),
        ([2, 1], "base-is-adapter", "the first of 2 checkpoints is an adapter"),
        ([4, 3], "wrong-base", "full was not trained from narrow"),
    ],
)
def test_what_cannot_be_compared_is_refused_at_once(three: Service, asked: list[int], code: str, said: str) -> None:
    narrow = {name: value[..., :8].contiguous() for name, value in made.base().items()}
    three.send("narrow", made.model(narrow))
    three.work()
    answer = three.client.post("/api/v1/runs", json={"checkpoints": asked})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert said in answer.json()["detail"]
    assert three.get("/api/v1/runs") == []


def test_what_cannot_be_compared_fails_where_it_had_to_wait(service: Service) -> None:
    service.send("lora", made.adapter())
    service.send("base", made.model(made.base()))
    service.run(1, 2)
    service.work()
    run = service.get("/api/v1/runs/1")
    assert run["state"] == "failed"
    assert run["reason"]["code"] == "base-is-adapter"
    report = service.get("/api/v1/runs/1/report")
    assert report["coverage"]["analysed"] == 0
    assert {each["reason"] for each in report["coverage"]["skipped"]} >= {run["reason"]["message"]}


@pytest.mark.parametrize(("other", "found"), [({"step": 800}, {1: 800.0, 2: 400.0}), ({}, {})])
def test_the_steps_are_known_where_the_tuned_are_a_series(
    three: Service, other: dict[str, int], found: dict[int, float]
) -> None:
    with three.database.writing() as session:
        session.get_one(Checkpoint, 3).facts = {"step": 400}
        session.get_one(Checkpoint, 2).facts = other
        session.get_one(Checkpoint, 1).facts = {"step": "soon"}
    three.run(1, 2, 3)
    with three.database.reading() as session:
        assert runs.steps(runs.get(session, 1)) == found
