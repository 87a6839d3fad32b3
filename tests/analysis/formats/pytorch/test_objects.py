"""What pickles describe."""

import numpy as np
import pytest

from analysis.formats.pytorch.objects import NUMPY, Dtype, Foreign, Ndarray


def test_the_codes_are_those_of_numpy() -> None:
    for code, name in NUMPY.items():
        if not code.startswith(("bfloat", "float8")):
            assert np.dtype(code).name == name


def test_an_object_takes_attributes_and_slots() -> None:
    thing = Foreign("a.B")
    thing.take({"x": 1})
    thing.take((None, {"y": 2}))
    thing.take((3, 4, 5))
    assert (thing.state, thing.arguments) == ({"x": 1, "y": 2}, ((3, 4, 5),))
    assert repr(thing) == "<a.B>"


@pytest.mark.parametrize("state", [None, (1, 2), (1, "shape", Dtype("f4"), False, b""), (1, (-1,), None, False, b"")])
def test_an_array_of_nothing_known_is_none(state: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        Ndarray().take(state)
