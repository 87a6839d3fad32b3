"""An adapter of single experts, over a base that has them in one tensor."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.errors import WrongBase
from analysis.formats import open_checkpoint
from analysis.report import Report

E, FF, D, R, ALPHA = 3, 10, 6, 2, 6
MLP = "model.layers.0.mlp"
SIDES = {"gate_proj": (FF, D), "up_proj": (FF, D), "down_proj": (D, FF)}


def randn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def base(inputs_first: bool) -> dict[str, Tensor]:
    shapes = {"gate_up_proj": (E, 2 * FF, D), "down_proj": (E, D, FF)}
    held = {f"{MLP}.experts.{what}": randn(*shape) for what, shape in shapes.items()}
    return {name: (tensor.mT if inputs_first else tensor).contiguous() for name, tensor in held.items()}


def lora(experts: range, ff: int = FF) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    held: dict[str, Tensor] = {}
    for e in experts:
        for what, sides in SIDES.items():
            rows, columns = (ff if side == FF else side for side in sides)
            place = f"base_model.model.{MLP}.experts.{e}.{what}"
            held[f"{place}.lora_A.weight"] = torch.randn(R, columns, generator=generator)
            held[f"{place}.lora_B.weight"] = torch.randn(rows, R, generator=generator)
    return held


def compared(folder: Path, before: dict[str, Tensor], change: dict[str, Tensor]) -> Report:
    save_file(before, folder / "base.safetensors")
    (folder / "lora").mkdir()
    save_file(change, folder / "lora" / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": R, "lora_alpha": ALPHA}
    (folder / "lora" / "adapter_config.json").write_text(json.dumps(config))
    checkpoints = [open_checkpoint([folder / "base.safetensors"]), open_checkpoint([folder / "lora"])]
    return compare(checkpoints, requests({"update": {}}, 2), ["base", "lora"])


def sizes(report: Report) -> dict[str, object]:
    return {row.weight.name.removesuffix(".weight"): row.value("relative_norm") for row in report.tables[0].rows}


def wanted(before: dict[str, Tensor], change: dict[str, Tensor], inputs_first: bool) -> dict[str, float]:
    """‖s·B·A‖ / ‖W₀‖ of every expert, written out."""
    found: dict[str, float] = {}
    for what in SIDES:
        fused = before[f"{MLP}.experts.{'down_proj' if what == 'down_proj' else 'gate_up_proj'}"]
        for e, matrix in enumerate(fused.mT if inputs_first else fused):
            part = {"gate_proj": matrix[:FF], "up_proj": matrix[FF:], "down_proj": matrix}[what]
            place = f"{MLP}.experts.{e}.{what}"
            A, B = (change.get(f"base_model.model.{place}.lora_{side}.weight") for side in "AB")
            norm = 0.0 if A is None or B is None else float((ALPHA / R * B.double() @ A.double()).norm())
            found[place] = norm / float(part.double().norm())
    return found


@pytest.mark.parametrize("inputs_first", [True, False])
@pytest.mark.parametrize("experts", [range(E), range(1, 2)])
def test_each_expert_gets_its_own_change(inputs_first: bool, experts: range, tmp_path: Path) -> None:
    before, change = base(inputs_first), lora(experts)
    report = compared(tmp_path, before, change)
    assert sizes(report) == pytest.approx(wanted(before, change, inputs_first), rel=1e-6)
    changed = [row for row in report.tables[0].rows if row.value("relative_norm")]
    assert {row.value("available_rank") for row in changed} == {R}
    assert {row.value("stored_as") for row in changed} == {"factors"}


def test_an_expert_that_holds_nan_is_a_note(tmp_path: Path) -> None:
    change = lora(range(E))
    change[f"base_model.model.{MLP}.experts.1.up_proj.lora_B.weight"][0, 0] = float("nan")
    rows = {row.weight.name: row for row in compared(tmp_path, base(False), change).tables[0].rows}
    broken = [name for name, row in rows.items() if row.value("norm") is None]
    assert broken == [f"{MLP}.experts.1.up_proj"]
    assert "NaN" in str(rows[broken[0]].measurement.note)


def test_experts_of_other_sides_are_of_another_base(tmp_path: Path) -> None:
    with pytest.raises(WrongBase):
        compared(tmp_path, base(False), lora(range(E), ff=FF + 2))
