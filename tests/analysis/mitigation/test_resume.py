"""What was found is there again to the last bit, and only as a whole."""

from pathlib import Path

import pytest
import torch

from analysis.mitigation import write_mitigated
from analysis.mitigation.intruding import Intruding
from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.resume import Memory
from analysis.weight import Factors, TensorInfo, WeightInfo
from tests.analysis.mitigation import planted


def info(name: str) -> WeightInfo:
    return WeightInfo(name, name, 40, 20, 1, "q", 3)


def found() -> list[Intruding]:
    random = torch.Generator().manual_seed(4)
    left, right = (torch.randn(shape, generator=random, dtype=torch.float64) for shape in ((40, 2), (2, 20)))
    return [
        Intruding(info("h.3.q"), 2, Factors(left, right)),
        Intruding(info("h.3.k\ud800"), 0),
        Intruding(info("h.3.v"), None, cosine=0.25, note="é: 1 of 800 values are NaN or infinite"),
    ]


def test_it_is_kept_to_the_last_bit(tmp_path: Path) -> None:
    kept, expected = Memory(tmp_path), found()
    kept.keep("before", "h.3.qkv\ud800", expected)
    remembered = Memory(tmp_path).recall("before", "h.3.qkv\ud800")
    assert remembered is not None
    assert [(one.weight, one.count, one.note, one.cosine) for one in remembered] == [
        (one.weight, one.count, one.note, one.cosine) for one in expected
    ]
    change, was = remembered[0].change, expected[0].change
    assert change is not None
    assert was is not None
    assert torch.equal(change.left, was.left)
    assert torch.equal(change.right, was.right)
    assert [one.change for one in remembered[1:]] == [None, None]


def test_stages_and_tensors_are_apart(tmp_path: Path) -> None:
    kept = Memory(tmp_path)
    kept.keep("before", "a", found())
    assert kept.recall("after", "a") is None
    assert kept.recall("before", "b") is None
    assert kept.recall("before", "../a") is None


def test_an_attempt_knows_whether_the_one_before_it_went_on(tmp_path: Path) -> None:
    first, second, third, fourth = (Memory(tmp_path) for _ in range(4))
    assert (first.begin(), first.again) == (False, False)
    assert (second.begin(), second.again) == (False, True)
    second.keep("before", "a", found())
    assert (third.begin(), third.again) == (True, True)
    assert (fourth.begin(), fourth.again) == (False, True)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    kept = Memory(tmp_path)
    with pytest.raises(OSError, match="No space"):
        kept.keep("before", "a", found())
    assert list(tmp_path.iterdir()) == []


def test_a_mitigation_that_stopped_anywhere_comes_out_the_same(tmp_path: Path) -> None:
    base, tuned = planted.base(tmp_path / "base"), planted.adapted(tmp_path / "lora", planted.adapter())
    names, kept = ("base", "lora"), tmp_path / "kept"
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (kept, whole, broken):
        folder.mkdir()
    heard: list[str] = []
    expected = write_mitigated(
        base, tuned, whole, MitigationOptions(), names, progress=lambda tensor: heard.append(tensor.name)
    )

    def stopping(after: int) -> None:
        left = [after]

        def progress(_: TensorInfo) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_mitigated(base, tuned, broken, MitigationOptions(), names, progress=progress, memory=Memory(kept))
        assert list(broken.iterdir()) == []

    for after in range(len(heard)):
        stopping(after)
    there = {path.name: path.read_bytes() for path in kept.iterdir()}
    assert write_mitigated(base, tuned, broken, MitigationOptions(), names, memory=Memory(kept)) == expected
    assert {name: (kept / name).read_bytes() for name in there} == there
    assert len(there) >= len(heard) - 1  # only the last one was still to find
    for path in whole.iterdir():
        assert (broken / path.name).read_bytes() == path.read_bytes()
