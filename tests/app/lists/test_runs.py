"""The list of runs: searched by their checkpoints too, and without those whose checkpoint is in the trash."""

from app.lists import runs as found
from app.lists.selection import Part, Selection
from app.states import RunState
from tests.app.lists import made
from tests.service import Service


def test_runs_are_found_by_their_checkpoints(service: Service) -> None:
    with service.database.writing() as session:
        base = made.checkpoint(session, "base", stated={"width": 64.0})
        tuned = made.checkpoint(session, "tuned", tags=["best"])
        gone = made.checkpoint(session, "gone", trashed_at=1.0)
        made.run(session, base, severity=1)
        named = made.run(session, base, tuned, severity=3)
        named.name, named.tags = "Sweep", ["v2"]
        made.run(session, gone)
        made.run(session, base, state=RunState.FAILED).archived_at = 1.0
    with service.database.reading() as session:

        def ids(**asked: object) -> list[int]:
            selection = Selection(**asked)  # type: ignore[arg-type]
            rows = [row.id for row, _ in found.find(session, selection, 9)]
            assert found.count(session, selection) == len(rows)
            return rows

        assert ids() == [2, 1]
        assert ids(sort="added") == [1, 2]
        assert ids(sort="-worst") == [2, 1]
        assert ids(text="best") == [2]
        assert ids(text="width=64 sweep") == [2]
        assert ids(text="esd") == [2, 1]
        assert ids(tag="v2") == [2]
        assert ids(severity=2) == [2]
        assert ids(state="failed") == []
        assert ids(state="failed", part=Part.ARCHIVED) == [4]
        first = found.find(session, Selection(sort="-ended"), 1)
        rest = found.find(session, Selection(sort="-ended"), 5, first[0][1])
        assert [row.id for row, _ in [*first, *rest]] == [2, 1]
        assert found.tags(session) == [("v2", 1)]
        assert found.part_counts(session)[Part.ARCHIVED] == 1
