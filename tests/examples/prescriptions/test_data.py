from pathlib import Path

import pytest

from examples.data import Split
from examples.prescriptions import data

SOME = data.Texts(tuple(map(str, range(3 * data.SENTENCES))), Split(("a", "b"), (0, 1)), Split(("c",), (1,)))


def test_texts_are_parsed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "parsed", lambda: SOME)
    assert data.texts(tmp_path / "out") == SOME
    monkeypatch.delattr(data, "parsed")
    assert data.texts(tmp_path / "out") == SOME


def test_no_two_seeds_share_a_sentence() -> None:
    seeds = [set(SOME.of_seed(seed)) for seed in range(data.SEEDS)]
    assert all(len(seed) == data.SENTENCES for seed in seeds)
    assert len(set.union(*seeds)) == data.SEEDS * data.SENTENCES


def test_bytes_are_the_texts_line_by_line() -> None:
    assert bytes(data.as_bytes(SOME.train).tolist()) == b"a\nb"
