"""The rule: a planted outlier is left unquantised, a model without one says so, and codes are refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.errors import PackedWeights, UnmeasuredLayer
from analysis.prescriptions.quantisation.rule import over_type
from tests.analysis.prescriptions.golden import llama, members, model, prescribe, save, told

PLANTED = "model.layers.2.mlp.down_proj.weight"


def test_a_planted_outlier_is_chosen(tmp_path: Path) -> None:
    tensors = llama(layers=5, seed=3)
    tensors[PLANTED][:, 5] *= 30.0
    found = prescribe("quantisation", members(save(tensors, tmp_path / "m.safetensors")))
    assert found.answer.extra["chosen"] == [PLANTED]
    assert b"blk.2.ffn_down=q8_0" in found.answer.files["tensor-types.txt"]
    assert found.answer.doubt is None


def test_entries_are_the_errors_of_the_format() -> None:
    found = prescribe("quantisation", model(), format="int8")
    wanted = {name: row["int8_channel"] for name, row in told()["quantisation"]["rows"].items()}
    assert {name: found.entries[name] for name in wanted} == pytest.approx(wanted, rel=1e-4)


def test_where_nothing_stands_out_the_answer_says_so(tmp_path: Path) -> None:
    found = prescribe("quantisation", members(save(llama(layers=4), tmp_path / "m.safetensors")), ratio=2.0, top=0)
    assert found.answer.extra["chosen"] == []
    assert found.to_json()["doubt"]["uniform"] == "all alike"


def test_nan_is_named(tmp_path: Path) -> None:
    tensors = llama()
    tensors[PLANTED][0, 0] = np.nan
    with pytest.raises(UnmeasuredLayer, match=r"layers\.2\.mlp\.down_proj"):
        prescribe("quantisation", members(save(tensors, tmp_path / "m.safetensors")))


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    tensors = llama()
    tensors[PLANTED] = tensors[PLANTED].to(torch.float8_e4m3fn)
    with pytest.raises(PackedWeights, match="give the weights that it was quantised from"):
        prescribe("quantisation", members(save(tensors, tmp_path / "m.safetensors")))


def test_a_type_of_two_layers_is_not_compared() -> None:
    errors = {f"layers.{n}.up.weight": float(n + 1) for n in range(3)} | {"layers.0.down.weight": 1.0}
    assert over_type(errors) == {f"layers.{n}.up.weight": (n + 1) / 2 for n in range(3)}
