from app.lists import overviews
from app.models import Overview
from tests.app.lists import made
from tests.service import Service


def test_a_glance_takes_each_part_from_the_newest_run_that_has_it(service: Service) -> None:
    with service.database.writing() as session:
        one, two = made.checkpoint(session, "one"), made.checkpoint(session, "two")
        made.run(session, one, median_alpha=3.0)
        made.run(session, one, intruders=4)
        made.run(session, one, severity=2)
        made.run(session, one, median_alpha=9.0).trashed_at = 1.0
    with service.database.reading() as session:
        found = overviews.glances(session, [one.id, two.id])
        parts = (found[one.id].newest, found[one.id].alphas, found[one.id].intruders)
        assert [part and part.run_id for part in parts] == [3, 1, 2]
        assert found[two.id] == overviews.Glance()


def test_a_run_is_as_bad_as_its_worst_checkpoint(service: Service) -> None:
    with service.database.writing() as session:
        rows = [made.checkpoint(session, name) for name in ("a", "b")]
        run = made.run(session, *rows)
        session.get_one(Overview, (run.id, 1)).severity = 3
    with service.database.reading() as session:
        worst, first = overviews.worst_of_runs(session, [run.id, 99])
        assert (worst[run.id].position, first[run.id].position, 99 in worst) == (1, 0, False)
