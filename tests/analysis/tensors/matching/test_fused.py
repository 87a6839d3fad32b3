"""Experts stored fused and apart are compared with each other, either way round."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.tensors.matching.fused import fused_partners, pieces_of
from analysis.tensors.matrices import Header, describe

E, FF, D = 3, 10, 6
MLP = "model.layers.0.mlp"


def apart(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"gate_proj": (FF, D), "up_proj": (FF, D), "down_proj": (D, FF)}
    return {
        f"{MLP}.experts.{e}.{what}.weight": torch.randn(*shape, generator=generator)
        for e in range(E)
        for what, shape in shapes.items()
    }


def fused(held: dict[str, Tensor], inputs_first: bool) -> dict[str, Tensor]:
    def stack(what: str) -> Tensor:
        return torch.stack([held[f"{MLP}.experts.{e}.{what}.weight"] for e in range(E)])

    both = {"gate_up_proj": torch.cat([stack("gate_proj"), stack("up_proj")], 1), "down_proj": stack("down_proj")}
    return {f"{MLP}.experts.{what}": (whole.mT if inputs_first else whole).contiguous() for what, whole in both.items()}


@pytest.mark.parametrize("inputs_first", [True, False])
@pytest.mark.parametrize("base_is_fused", [True, False])
def test_each_expert_meets_itself(inputs_first: bool, base_is_fused: bool, tmp_path: Path) -> None:
    before = apart(0)
    after = {name: tensor + 0.1 * torch.randn(tensor.shape) for name, tensor in before.items()}
    for place, (held, fuse) in enumerate([(before, base_is_fused), (after, not base_is_fused)]):
        save_file(fused(held, inputs_first) if fuse else held, tmp_path / f"{place}.safetensors")
    checkpoints = [open_checkpoint([tmp_path / f"{place}.safetensors"]) for place in range(2)]
    report = compare(checkpoints, requests({"update": {}}, 2), ["base", "tuned"])
    rows = {row.weight.name.removesuffix(".weight"): row.value("relative_norm") for row in report.tables[0].rows}
    wanted = {
        name.removesuffix(".weight"): float((after[name] - tensor).norm() / tensor.norm())
        for name, tensor in before.items()
    }
    assert rows == pytest.approx(wanted, rel=1e-5)
    assert all(not part.missing for part in report.coverage.members)


def test_gate_and_up_in_one_tensor() -> None:
    fused_up = describe({f"{MLP}.gate_up_proj.weight": Header((2 * FF, D), "float32", 8 * FF * D)})
    apart_ = describe({f"{MLP}.{half}_proj.weight": Header((FF, D), "float32", 4 * FF * D) for half in ("gate", "up")})
    ours, theirs = ({info.called: info for info in infos} for infos in (fused_up, apart_))
    found = fused_partners(ours, theirs)
    assert {name: partner.piece for name, partner in found.items()} == {
        f"{MLP}.gate_proj.weight": 0, f"{MLP}.up_proj.weight": 1,
    }  # fmt: skip
    assert [len(partner.stacked) for partner in fused_partners(theirs, ours).values()] == [2]
    assert list(pieces_of(fused_up)) == list(found)


def test_an_expert_that_is_missing_leaves_the_fused_tensor_alone() -> None:
    stacked = describe({f"{MLP}.experts.down_proj": Header((E, D, FF), "float32", 0)})
    some = describe({f"{MLP}.experts.{e}.down_proj.weight": Header((D, FF), "float32", 0) for e in range(E - 1)})
    ours, theirs = ({info.called: info for info in infos} for infos in (some, stacked))
    assert fused_partners(ours, theirs) == {}
