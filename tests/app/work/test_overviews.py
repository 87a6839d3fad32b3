from app.models import Run
from app.states import RunState
from app.work import overviews
from tests.service import Service, model


def test_a_worker_is_asked_for_an_ended_run_until_it_is_over(service: Service) -> None:
    service.upload(model())
    service.run(1)
    with service.database.writing() as session:
        assert overviews.ask(session) == 0  # it goes on
        session.get_one(Run, 1).state = RunState.CANCELLED
    with service.database.writing() as session:
        assert (overviews.ask(session), overviews.ask(session)) == (1, 0)
    assert ("summarise", 1) in service.workers.sent
    with service.database.writing() as session:
        session.get_one(Run, 1).summarise_at = 1.0
        session.flush()
        assert overviews.ask(session) == 1
        overviews.end(session, 1)
        assert overviews.ask(session) == 0
