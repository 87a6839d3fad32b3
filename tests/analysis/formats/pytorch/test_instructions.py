"""The instructions of a pickle: those of pickletools, but that what is long stays in the file, and that they end."""

import io
import pickle
import pickletools

import pytest

from analysis.errors import UnsafeFile
from analysis.formats.pytorch import instructions
from analysis.formats.pytorch.machine import unpickle
from analysis.formats.pytorch.objects import Bytes


@pytest.mark.parametrize("protocol", range(6))
def test_short_arguments_are_those_of_pickletools(protocol: int) -> None:
    pickled = pickle.dumps({"a": [1, 2.5, "b", None], "c": (True, 2**40)}, protocol)
    steps = list(instructions.instructions(io.BytesIO(pickled), 0))
    assert steps == [(opcode.name, argument) for opcode, argument, _ in pickletools.genops(pickled)]


def test_long_bytes_are_a_place_in_the_file() -> None:
    content = bytes(range(256)) * 2
    pickled = pickle.dumps(content, 4)
    places = [
        argument for _, argument in instructions.instructions(io.BytesIO(pickled), 100) if type(argument) is Bytes
    ]
    assert [(place.start - 100, place.nbytes) for place in places] == [(pickled.index(content), 512)]


def test_instructions_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "MOST_STEPS", 100)
    assert unpickle(io.BytesIO(pickle.dumps([1] * 10, 2))).value == [1] * 10
    with pytest.raises(UnsafeFile) as caught:
        unpickle(io.BytesIO(pickle.dumps([1] * 200, 2)))
    assert caught.value.code == "unbounded"
