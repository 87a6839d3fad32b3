"""Bytes of sources, split by module."""

from pathlib import Path

import torch

from examples.widths.data import held_out, text, windows


def test_modules_are_of_one_split_and_tests_are_passed_over(tmp_path: Path) -> None:
    names = [f"m{number}.py" for number in range(60)]
    for name in names:
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "x.py").write_text("never")
    found = text(tmp_path)
    train, test = (bytes(split.tolist()).decode() for split in (found.train, found.test))
    assert all((name in test) is held_out(name) for name in names)
    assert all((f"# {name}\n" in train) is not held_out(name) for name in names)
    assert 0 < sum(map(held_out, names)) < 20
    assert "never" not in train + test


def test_windows_are_stretches_that_the_seed_draws() -> None:
    held = torch.arange(200, dtype=torch.uint8)
    found = windows(held, 5, 10, seed=1)
    assert found.shape == (5, 11)
    assert (found.diff(dim=1) == 1).all()
    assert torch.equal(found, windows(held, 5, 10, seed=1))
    assert not torch.equal(found, windows(held, 5, 10, seed=2))
