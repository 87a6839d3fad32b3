from collections import Counter
from pathlib import Path

from analysis.diagnostic import Severity
from frontend import states


def test_each_state_has_its_own_shape_and_word() -> None:
    for family in (states.CHECKPOINTS, states.RUNS, states.PRESCRIPTIONS, states.SEVERITIES):
        assert max(Counter(look.shape for look in family.values()).values()) == 1
        assert max(Counter(look.word for look in family.values()).values()) == 1


def test_every_severity_is_known() -> None:
    assert set(states.SEVERITIES) == set(Severity)
    assert states.severity(Severity.WARN).word == "Warning"


def test_only_what_changes_by_itself_moves() -> None:
    assert [name for name, look in states.RUNS.items() if look.moving] == ["waiting", "running"]
    assert [name for name, look in states.CHECKPOINTS.items() if look.moving] == ["received", "ingesting"]
    assert [name for name, look in states.MITIGATIONS.items() if look.moving] == ["queued", "making"]
    assert [name for name, look in states.PRESCRIPTIONS.items() if look.moving] == ["queued", "running"]


def test_an_unknown_state_is_called_so() -> None:
    assert states.run("elsewhere").word == states.checkpoint("elsewhere").word == "unknown"
    assert states.mitigation("elsewhere").word == states.prescription("elsewhere").word == "unknown"


def test_the_sprite_has_every_shape() -> None:
    sprite = (Path(states.__file__).parent / "templates/parts/sprite.html").read_text()
    for look in (
        *states.CHECKPOINTS.values(),
        *states.RUNS.values(),
        *states.MITIGATIONS.values(),
        *states.SEVERITIES.values(),
        states.UNKNOWN,
    ):
        assert f'id="{look.shape}"' in sprite
