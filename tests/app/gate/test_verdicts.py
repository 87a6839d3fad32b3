"""Verdicts as rows: made once the run has ended, kept with all that they rest on, and always the same."""

import json
from typing import Any

import pytest
from sqlalchemy import update

from analysis.errors import BaselineError, PolicyError
from app.errors import Conflict, NotFound
from app.gate import verdicts
from app.models import Event, Run, Unit, Verdict
from app.runs import runs
from app.states import UnitState
from app.work import verdicts as awaited
from tests.service import Service, model
from workers.sweeper import sweep

POLICY = "rules:\n  - {name: rank, column: norms.rank_loss, max: 0}\n  - {column: esd.alpha, aggregate: count, where: {min: 0}, min: 1}\n"  # noqa: E501
REGRESSION = {"rules": [{"column": "norms.stable_rank", "max_regression": 0, "better": "higher"}]}


def ask(service: Service, policy: Any = POLICY, baseline: Any = None, run: int = 1) -> Verdict:
    with service.database.writing() as session:
        return verdicts.request(session, runs.get(session, run), policy, baseline)


def result(service: Service, identity: int) -> dict[str, Any] | None:
    with service.database.reading() as session:
        found: dict[str, Any] | None = session.get_one(Verdict, identity).result
        return found


def test_of_an_ended_run_it_is_made_at_once(analysed: Service) -> None:
    made = ask(analysed)
    assert made.result is not None
    assert (made.result["verdict"], made.result["passed"]) == ("pass", True)
    assert made.source == POLICY
    assert made.policy["rules"][0]["name"] == "rank"
    assert made.judged_at is not None


def test_asked_again_it_is_the_same(analysed: Service) -> None:
    first, second = ask(analysed), ask(analysed)
    assert first.id != second.id
    assert json.dumps(first.result) == json.dumps(second.result)
    with analysed.database.writing() as session:
        session.execute(update(Verdict).values(result=None))
    with analysed.database.writing() as session:
        again = verdicts.judge_run(session, verdicts.get(session, 1, first.id))
    assert json.dumps(again.result) == json.dumps(first.result)


def test_of_a_run_that_goes_on_it_waits_and_a_worker_makes_it(service: Service) -> None:
    service.upload(model())
    service.run(1)
    made = ask(service)
    assert made.result is None
    service.work()
    assert result(service, made.id) is None
    with service.everything.writing() as session:
        sweep(session, service.settings)
    assert service.workers.sent == [("judge", made.id)]
    service.work()
    assert result(service, made.id) == verdict_of(service)


def verdict_of(service: Service) -> dict[str, Any] | None:
    return ask(service).result


def test_the_sweeper_asks_once_and_then_more_and_more_rarely(service: Service) -> None:
    service.upload(model())
    service.run(1)
    ask(service)
    service.client.post("/api/v1/runs/1/cancel")
    asked = []
    for _ in range(2 * awaited.MOST_ASKS):
        with service.everything.writing() as session:
            asked.append(awaited.ask(session))
            assert awaited.ask(session) == 0  # not yet again
            session.execute(update(Verdict).values(ask_at=0.0))
    assert sum(asked) == awaited.MOST_ASKS


def test_who_reads_first_makes_it(service: Service) -> None:
    service.upload(model())
    service.run(1)
    made = ask(service)
    service.work()
    assert service.get("/api/v1/runs/1/verdict")["state"] == "done"
    assert result(service, made.id) is not None
    with service.everything.writing() as session:
        assert awaited.ask(session) == 0


def test_a_baseline_outlives_its_run(analysed: Service) -> None:
    analysed.upload(model(3))
    analysed.run(2)
    analysed.work()
    made = ask(analysed, REGRESSION, baseline=1, run=2)
    assert made.baseline_run_id == 1
    assert made.baseline is not None
    assert set(made.baseline["tables"]) == {"norms"}
    before = json.dumps(made.result)
    assert analysed.client.delete("/api/v1/runs/1").status_code == 204
    with analysed.database.writing() as session:
        session.execute(update(Verdict).values(result=None))
    with analysed.database.writing() as session:
        again = verdicts.judge_run(session, verdicts.get(session, 2, made.id))
        assert (again.baseline_run_id, json.dumps(again.result)) == (None, before)


def test_a_report_is_a_baseline_too(analysed: Service) -> None:
    report = analysed.get("/api/v1/runs/1/report")
    made = ask(analysed, REGRESSION, baseline=report)
    assert made.result is not None
    assert (made.result["verdict"], made.baseline_run_id) == ("pass", None)


def test_a_name_means_the_last_finished_run_over_it(service: Service) -> None:
    for name, layers in (("model@main", 2), ("model@main", 2), ("other", 2)):
        service.send(name, {"model.safetensors": model(layers)})
    for checkpoint in (1, 2, 3):
        service.run(checkpoint)
    service.work()
    service.run(2)  # goes on: no baseline
    with service.database.reading() as session:
        policy = verdicts.parse_policy(REGRESSION)
        assert verdicts.latest_over(session, "model@main", policy, but=3).id == 2
        assert verdicts.latest_over(session, "model@main", policy, but=2).id == 1
    assert ask(service, REGRESSION, baseline="model@main", run=3).baseline_run_id == 2


def test_a_baseline_measured_what_is_compared_and_with_the_same_options(service: Service) -> None:
    service.send("model@main", {"model.safetensors": model()})
    measured: list[dict[str, dict[str, int]]] = [{"esd": {}}, {"esd": {"leave_out": 1}}, {"norms": {}}, {"esd": {}}]
    for diagnostics in measured:
        asked = {"checkpoints": [1], "diagnostics": diagnostics}
        assert service.client.post("/api/v1/runs", json=asked).status_code == 201
    service.work()
    worse = {"rules": [{"column": "esd.alpha", "aggregate": "median", "max_regression": 0}]}
    made = ask(service, worse, baseline="model@main", run=4)
    assert (made.baseline_run_id, made.result and made.result["verdict"]) == (1, "pass")
    for run, said in ((2, "run 2 .* with another leave_out"), (3, "run 3 .* did not measure esd")):
        with pytest.raises(BaselineError, match=said):
            ask(service, worse, baseline=run, run=4)
    other = {**worse, "measure": {"esd": {"leave_out": 2}}}
    first = ask(service, other, baseline="model@main", run=4)  # no run is comparable yet
    assert first.baseline_run_id is None
    assert "No finished run exists over a checkpoint named 'model@main'" in json.dumps(first.result)
    assert ask(service, POLICY, baseline=3, run=4).baseline_run_id == 3  # where nothing is compared any run will do


@pytest.mark.parametrize(
    ("policy", "baseline", "error"),
    [
        ("rules: []", None, PolicyError),
        ({"rules": [{"column": "esd.alfa"}]}, None, PolicyError),
        (POLICY, 99, NotFound),
        (POLICY, {"tables": {}}, BaselineError),
    ],
)
def test_what_cannot_be_judged_is_refused(
    analysed: Service, policy: Any, baseline: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(analysed, policy, baseline)


def test_a_first_run_says_so_and_is_no_error(analysed: Service) -> None:
    compares = {"rules": [{"column": "norms.stable_rank", "max_regression": 0, "better": "higher"}]}
    for rule, passed in (("pass", True), ("insufficient", False)):
        compares["rules"][0]["no_baseline"] = rule
        made = ask(analysed, compares, baseline="model@main")
        assert made.result is not None
        assert made.result["passed"] is passed
        assert "there is no baseline yet, so nothing was compared" in made.result["headline"]
        assert "checkpoint named 'model@main'" in made.result["rules"][0]["sentence"]
    told = analysed.get("/api/v1/runs/1/verdict")
    assert (told["has_baseline"], told["baseline_run"]) == (False, None)


def test_a_baseline_must_be_done(analysed: Service) -> None:
    analysed.run(1)
    with pytest.raises(Conflict, match="a baseline must be a run that is done"):
        ask(analysed, REGRESSION, baseline=2)


# --- runs that did not come to their end ----------------------------------------------------------------------------


def test_a_stopped_run_is_not_enough_evidence(service: Service) -> None:
    service.upload(model())
    service.run(1)
    made = ask(service)
    service.client.post("/api/v1/runs/1/cancel")
    told = service.get(f"/api/v1/runs/1/verdicts/{made.id}")
    assert (told["verdict"], told["passed"]) == ("insufficient", False)


@pytest.mark.parametrize("how", ["failed", "stopped"])
def test_no_policy_opens_the_gate_to_a_run_that_ended_before_its_time(service: Service, how: str) -> None:
    service.upload(b"" if how == "failed" else model())
    service.run(1)
    lenient = "insufficient: pass\nmissing: pass\nrules: [{column: norms.rank_loss, max: 0}]"
    made = ask(service, lenient)
    if how == "stopped":
        service.client.post("/api/v1/runs/1/cancel")
    service.work()
    told = service.get(f"/api/v1/runs/1/verdicts/{made.id}")
    assert (told["verdict"], told["passed"]) == ("insufficient", False)
    assert told["ended"].startswith(f"the run {'failed: ' if how == 'failed' else 'was cancelled'}")
    assert told["ended"].rstrip(".") in told["headline"]
    assert ".." not in json.dumps(told["rules"])


def test_a_rejected_checkpoint_is_not_enough_evidence(service: Service) -> None:
    service.upload(b"")
    service.run(1)
    made = ask(service)
    service.work()
    told = service.get(f"/api/v1/runs/1/verdicts/{made.id}")
    assert told["verdict"] == "insufficient"
    assert "the run failed" in told["rules"][0]["sentence"]


def test_a_unit_that_was_given_up_is_missing_evidence(analysed: Service) -> None:
    with analysed.database.writing() as session:
        unit = session.query(Unit).one()
        unit.state, unit.done, unit.reason = UnitState.FAILED, len(unit.tensors) - 1, "the worker failed"
    told = ask(analysed).result
    assert told is not None
    assert told["rules"][0]["outcome"] == "insufficient"
    assert "1 layer could not be measured (the worker failed)" in told["rules"][0]["sentence"]
    alone = {"rules": [{"column": "norms.rank_loss", "max": 0, "layers": {"role": "embedding"}}]}
    other = ask(analysed, alone).result
    assert other is not None
    assert [rule["outcome"] for rule in other["rules"]] == ["pass", "fail", "fail"]
    assert "coverage.unmeasured is 1; it should be at most 0." in other["rules"][2]["sentence"]


def test_other_options_than_the_policy_s_are_no_evidence(analysed: Service) -> None:
    told = ask(analysed, {"measure": {"esd": {"leave_out": 1}}, "rules": [{"column": "esd.alpha", "min": 0}]}).result
    assert told is not None
    assert "measured with another leave_out" in told["rules"][0]["sentence"]


def test_it_goes_with_its_run_and_is_in_the_audit_log(analysed: Service) -> None:
    ask(analysed)
    with analysed.database.reading() as session:
        actions = [event.action for event in session.query(Event).order_by(Event.id)]
    assert actions[-2:] == ["verdict.request", "verdict.make"]
    analysed.client.delete("/api/v1/runs/1")
    with analysed.database.reading() as session:
        assert session.query(Verdict).count() == session.query(Run).count() == 0


def test_a_worker_s_verdict_is_its_project_s(service: Service) -> None:
    service.upload(model())
    service.run(1)
    made = ask(service)
    service.work()
    verdicts.make(service.everything, made.id)
    with service.database.reading() as session:
        assert session.query(Event).filter(Event.action == "verdict.make").one().project_id == 1
