import pytest

from app.models import Check
from app.runs import checks as of_runs
from app.work import checks, leases
from tests.service import Service

NAME = "model.layers.0.self_attn.q_proj.weight"


def test_a_check_is_claimed_once_and_ends(analysed: Service) -> None:
    with analysed.database.writing() as session:
        identity = of_runs.request(session, 1, NAME).id
        row = checks.claim(session, analysed.settings, identity)
        assert row is not None
        assert checks.claim(session, analysed.settings, identity) is None
        with pytest.raises(leases.LeaseLost):
            checks.reject(session, identity, row.claim + 1, "x", "y")
        checks.finish(session, identity, row.claim, "0.7.7", [{"column": "alpha"}])
    with analysed.database.reading() as session:
        row = session.get_one(Check, identity)
        assert (row.state, row.version, row.columns) == ("done", "0.7.7", [{"column": "alpha"}])
