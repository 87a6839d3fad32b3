"""Many tensors in their order, each announced before it is looked for, none looked for twice."""

from pathlib import Path

import pytest
import torch

from analysis.engine.comparison import Comparison, open_comparison
from analysis.mitigation.intruding import Intruding, intruding
from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.resume import Memory
from analysis.mitigation.search import Search
from analysis.tensors.matching import Aligned
from tests.analysis.mitigation import planted

NAMES = [f"layers.{at}.q.weight" for at in range(5)]


@pytest.fixture
def comparison(tmp_path: Path) -> Comparison:
    base = {name: torch.randn(30, 20, generator=torch.Generator().manual_seed(at)) for at, name in enumerate(NAMES)}
    tuned = {name: tensor + 0.01 for name, tensor in base.items()}
    checkpoints = planted.saved(tmp_path / "base", base), planted.saved(tmp_path / "tuned", tuned)
    return open_comparison(checkpoints, ("base", "tuned"), ())


def test_they_come_in_order_and_each_is_announced_when_its_turn_comes(comparison: Comparison) -> None:
    heard: list[str] = []
    search = Search(MitigationOptions(), "cpu", lambda info: heard.append(info.name), None)
    for at, found in enumerate(search.find_intruders(comparison, comparison.alignment.rows, "before")):
        assert [one.weight.name for one in found] == [NAMES[at]]
        assert heard == NAMES[: at + 1]


def test_what_is_remembered_is_not_looked_for(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def watched(
        comparison: Comparison, aligned: Aligned, recipe: MitigationOptions, device: str = "cpu"
    ) -> list[Intruding]:
        looked.append(aligned.base.name)
        return intruding(comparison, aligned, recipe, device)

    monkeypatch.setattr("analysis.mitigation.search.intruding", watched)
    rows, folder = comparison.alignment.rows, tmp_path / "kept"
    folder.mkdir()
    first = list(
        Search(MitigationOptions(), "cpu", None, Memory(folder)).find_intruders(comparison, rows[:3], "before")
    )
    again = list(Search(MitigationOptions(), "cpu", None, Memory(folder)).find_intruders(comparison, rows, "before"))
    assert again[:3] == first
    assert sorted(looked) == NAMES
