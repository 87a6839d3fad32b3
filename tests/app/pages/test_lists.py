from dataclasses import replace

from app.pages import lists
from app.runs import runs
from app.runs.runs import Progress
from app.states import RunState
from frontend.numbers import ABSENT
from tests.frontend.examples import blocks, table
from tests.service import Service, model


def test_a_glance_is_the_median_and_the_share_in_range() -> None:
    found = lists.glance_of(blocks(), "steepness", 0)
    assert (found.alpha, found.usual, found.headline) == ("3.50", "5 of 7", "Fine. All of it.")
    assert found.finger is not None
    assert lists.glance_of(table([]), "steepness", 0) == lists.NOTHING


def test_values_that_may_not_be_judged_are_not_counted() -> None:
    found = blocks()
    columns = tuple(replace(column, judges=lambda _: False) for column in found.diagnostic.columns)
    one = lists.glance_of(replace(found, diagnostic=replace(found.diagnostic, columns=columns)), "steepness", 0)
    assert (one.alpha, one.usual) == (ABSENT, ABSENT)
    assert one.finger is not None


def test_glances_at_ended_runs_are_kept(analysed: Service) -> None:
    glances = lists.Glances()
    with analysed.database.reading() as session:
        run = runs.get(session, 1)
        assert glances.at(session, run, 0) is glances.at(session, run, 0)
        assert glances.at(session, run, 0).finger is not None


def test_a_run_that_grows_is_looked_at_again(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.reading() as session:
        assert lists.GLANCES.at(session, runs.get(session, 1), 0) == lists.NOTHING
    service.work()
    with service.database.reading() as session:
        assert lists.GLANCES.at(session, runs.get(session, 1), 0) != lists.NOTHING


def test_lines_say_what_a_run_does(analysed: Service) -> None:
    with analysed.database.reading() as session:
        run = runs.get(session, 1)
        halfway = Progress(RunState.RUNNING, 3, 5, "Block 1 · query", 12.0)
        said = {}
        for state in RunState:
            run.state, run.reason = state, "The disk broke."
            said[state] = lists.line(run, halfway)
    assert said == {
        "waiting": "Starts when its checkpoint is ready.",
        "running": "3 of 5 tensors. Now: Block 1 · query",
        "cancelled": "Cancelled after 3 of 5 tensors; those results are kept.",
        "failed": "The disk broke.",
        "done": "",
    }
    assert lists.eta(12.0) == "about 12 s left"
    assert lists.eta(None) == ""


def test_a_run_is_called_after_its_checkpoints(analysed: Service) -> None:
    analysed.upload(model(layers=3), filename="second.safetensors")
    analysed.work()
    analysed.run(1, 2)
    with analysed.database.reading() as session:
        assert lists.name_of(runs.get(session, 2)) == "model.safetensors and 1 more"
        assert lists.place(runs.get(session, 2), 2) == 1
        assert lists.summary(lists.run_rows(session, runs.listing(session), 0.0)) == "1 running"
