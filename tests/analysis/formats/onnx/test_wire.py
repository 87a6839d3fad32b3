"""Protobuf's wire format, against messages that onnx wrote."""

import mmap
from pathlib import Path

import pytest

from analysis.errors import DamagedFile, UnsafeFile
from analysis.formats.onnx.wire import Budget, Message


def message(content: bytes, path: Path, fields: int = 100) -> Message:
    path.write_bytes(content)
    with path.open("rb") as file:
        return Message(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), 0, len(content), Budget(fields))


def test_fields_of_every_kind(tmp_path: Path) -> None:
    content = b"\x08\x96\x01" + b"\x12\x02ab" + b"\x1d1234" + b"\x2112345678"
    found = {
        number: value if isinstance(value, int) else value.bytes()
        for number, value in message(content, tmp_path / "m").fields()
    }
    assert found == {1: 150, 2: b"ab", 3: b"1234", 4: b"12345678"}
    assert message(b"\x96\x01\x05", tmp_path / "n").varints(2) == [150, 5]


@pytest.mark.parametrize("content", [b"\x12\x09ab", b"\x0b", b"\x08", b"\x08" + b"\xff" * 11, b"\x1d12"])
def test_what_is_cut_off_is_damaged(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DamagedFile):
        list(message(content, tmp_path / "m").fields())


def test_fields_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(UnsafeFile):
        list(message(b"\x08\x01" * 101, tmp_path / "m").fields())
    with pytest.raises(DamagedFile, match="more than 3"):
        message(b"\x01" * 4, tmp_path / "m").varints(3)
