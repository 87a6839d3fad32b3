"""The interpreter of pickles, against Python's own on values that are safe."""

import functools
import io
import pickle
from collections import OrderedDict
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import CheckpointError, DamagedFile, UnsafeFile
from analysis.formats.arrays import Text
from analysis.formats.pytorch.machine import unpickle

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=20,
    )


def value(pickled: bytes) -> Any:
    return unpickle(io.BytesIO(pickled)).value


@settings(deadline=None)
@given(wanted=nested(LEAVES | st.binary()), protocol=st.integers(3, 5))
def test_plain_values_come_out_as_python_has_them(wanted: object, protocol: int) -> None:
    assert value(pickle.dumps(wanted, protocol)) == wanted


@settings(deadline=None)
@given(wanted=nested(LEAVES), protocol=st.integers(0, 2))
def test_plain_values_of_old_protocols(wanted: object, protocol: int) -> None:
    assert value(pickle.dumps(wanted, protocol)) == wanted


@pytest.mark.parametrize("wanted", [b"", b"abc", bytes(range(256))])
def test_bytes_are_a_call_in_protocol_2(wanted: bytes) -> None:
    assert value(pickle.dumps([wanted], 2)) == [wanted]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_long_bytes_stay_where_they_are(protocol: int) -> None:
    wanted = bytes(range(256)) * 1000
    pickled = pickle.dumps([wanted, 1], protocol)
    place, one = unpickle(io.BytesIO(pickled), 100).value
    found = pickled[place.start - 100 : place.start - 100 + place.nbytes]
    assert one == 1
    assert (found.decode().encode("latin-1") if isinstance(place, Text) else found) == wanted


class Net:
    def __init__(self) -> None:
        self.width = 3
        self.parts = [1, 2]


class Config(dict):  # type: ignore[type-arg]
    pass


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_an_object_is_a_placeholder_with_its_attributes(protocol: int) -> None:
    config = Config(rate=0.1)
    config.name = "c"  # type: ignore[attr-defined]
    net, found = value(pickle.dumps([Net(), config], protocol))
    assert (net.name, net.state) == (f"{__name__}.Net", {"width": 3, "parts": [1, 2]})
    assert found.name == f"{__name__}.Config"
    assert {**found.items, **(found.arguments[-1] if protocol < 2 else {})}["rate"] == 0.1


def test_a_call_is_not_made() -> None:
    found = value(pickle.dumps(functools.partial(print, "hello", end=""), 4))
    assert found.name == "functools.partial"
    assert found.arguments[0] == "builtins.print"


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_protocol(protocol: int) -> None:
    wanted = {"a": [1, 2.5, (None, True, "λ")], "b": OrderedDict(x=1), "c": 2**70, "d": -1}
    assert value(pickle.dumps(wanted, protocol)) == wanted


def test_sets_become_lists() -> None:
    assert sorted(value(pickle.dumps({1, 2, 3}, 4))) == [1, 2, 3]
    assert sorted(value(pickle.dumps(frozenset({1, 2}), 4))) == [1, 2]


def test_it_stops_behind_its_pickle() -> None:
    file = io.BytesIO(pickle.dumps(1, 2) + pickle.dumps("two", 2))
    assert (unpickle(file).value, unpickle(file).value, file.read()) == (1, "two", b"")


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85\x81.",
        b"\x80\x02\x82\x01.",
        b"(cos\nsystem\nS'true'\no.",
    ],
)
def test_code_is_refused_by_whatever_instruction(pickled: bytes) -> None:
    with pytest.raises(UnsafeFile) as caught:
        value(pickled)
    assert caught.value.code == "pickle-code"


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b".",
        b"0.",
        b"t.",
        b"R.",
        b"h\x00.",
        b"q\x00.",
        b"\x86.",
        b"K\x01K\x02R.",
        b"}K\x01s.",
        b"(K\x01d.",
        b"K\x01Q.",
        b"(X\x07\x00\x00\x00storageK\x01K\x01K\x01K\x01tQ.",
        b"ccollections\nOrderedDict\nK\x01R.",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"Iabc\n.",
        b"L" + b"9" * 5000 + b"\n.",
    ],
)
def test_what_makes_no_sense_is_damaged(pickled: bytes) -> None:
    with pytest.raises(DamagedFile):
        value(pickled)


BOMB = b"K\x07" + b"q\x01h\x01\x86" * 200  # x = (x, x), 200 times: to print or to hash it takes 2^200 steps
STORAGE = b"(X\x07\x00\x00\x00storage"


@pytest.mark.parametrize(
    "pickled",
    [
        BOMB + b")R.",
        BOMB + b"K\x01\x93.",
        BOMB + b"h\x01\x93.",
        b"(" + BOMB + b"K\x01K\x01K\x01K\x01tQ.",
        STORAGE + b"ctorch\nFloatStorage\n" + BOMB + b"K\x01K\x01tQ.",
        STORAGE + b"ctorch\nFloatStorage\nK\x01K\x01" + BOMB + b"tQ.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + BOMB + b"K\x00))tR.",
        b"}" + BOMB + b"K\x01s.",
        b"ccollections\nOrderedDict\n(](" + BOMB + b"K\x01\x86etR.",
    ],
)
def test_nested_tuples_burn_no_time(pickled: bytes) -> None:
    with suppress(DamagedFile):
        assert value(pickled) is not None


def test_a_call_whose_arguments_hold_themselves_ends() -> None:
    from_type = b"ctorch._tensor\n_rebuild_from_type_v2\n"
    endless = from_type + b"](" + from_type + b"Nh\x00Ne"  # [f, None, itself, None]
    with pytest.raises(CheckpointError):
        value(b"\x80\x02" + endless.replace(b"](", b"]q\x00(", 1) + b"R.")
