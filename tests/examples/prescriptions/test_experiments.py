import pytest

from analysis.prescriptions import PRESCRIPTIONS
from examples.prescriptions.experiments import EXPERIMENTS, experiment


def test_every_experiment_tries_a_rule() -> None:
    kinds = [each.kind for each in EXPERIMENTS]
    assert set(kinds) <= {known.name for known in PRESCRIPTIONS}
    assert len(set(kinds)) == len(kinds) == 4
    assert [experiment(kind).kind for kind in kinds] == kinds


def test_another_kind_is_none() -> None:
    with pytest.raises(StopIteration):
        experiment("traps")
