from app import checkpoints
from app.pages import lists
from app.runs import runs
from app.runs.runs import Progress
from app.states import RunState
from frontend.numbers import ABSENT
from tests.service import Service, model


def test_a_row_tells_what_the_newest_report_found(analysed: Service) -> None:
    report = analysed.get("/api/v1/runs/1/report")
    with analysed.database.reading() as session:
        (row,) = lists.checkpoint_rows(session, checkpoints.listing(session), 0.0)
    summary = report["summary"]["esd"]
    assert (summary["readable"], row.usual) == (0, "–")  # so small that no α is read
    assert row.report == "/runs/1"
    assert (row.worst is None) == (not report["findings"])


def test_a_row_says_that_it_is_being_analysed(service: Service) -> None:
    service.upload(model())
    with service.database.reading() as session:
        (row,) = lists.checkpoint_rows(session, checkpoints.listing(session), 0.0)
        assert (row.status, row.look.moving) == ("received", True)
    service.work()
    service.run(1)
    with service.database.reading() as session:
        (row,) = lists.checkpoint_rows(session, checkpoints.listing(session), 0.0)
        assert (row.status, row.alpha) == ("running", ABSENT)


def test_a_picture_is_made_of_an_overviews_cells() -> None:
    found = lists.picture([["q", 0, 3.0], ["q", 1, 9.0]])
    assert found is not None
    assert found.words == "1 cells out of range"
    assert lists.picture([]) is None


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
        assert lists.summary(lists.run_rows(session, runs.listing(session), 0.0)) == "1 running"
