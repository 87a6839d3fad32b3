"""How a command that has a time ends."""

import time

import pytest

from analysis.errors import CheckpointError, SettingsError
from app.cli.remote.outcomes import outcomes
from app.client.errors import Refused, RemoteError


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Refused("bad-request", "no"), 2),
        (RemoteError("server-unreachable", "away"), 3),
        (CheckpointError("nothing there", "missing-file"), 3),
        (SettingsError("not a number"), 2),
        (FileNotFoundError(2, "No such file", "policy.yml"), 3),
    ],
)
def test_a_fault_is_a_status(fault: Exception, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, outcomes(60.0):
        raise fault
    assert ended.value.code == status
    assert getattr(fault, "code", "unreadable-file") in capsys.readouterr().err


def test_the_end_of_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, outcomes(0.05):
        time.sleep(10)
    assert ended.value.code == 4
    assert "time-out no answer within 0.05 s" in capsys.readouterr().err
