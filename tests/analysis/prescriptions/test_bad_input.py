"""Every rule on input that it cannot use as it is: it names what is wrong, or answers for the rest and says so."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.errors import EigenscopeError
from analysis.prescriptions import PRESCRIPTIONS, Rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Prescription
from analysis.prescriptions.writing import write
from tests.analysis.prescriptions.golden import llama, members, prescribe, save

BAD = "model.layers.1.mlp.up_proj.weight"
CONFIG = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64}
COUNTS = {"lora-rank": 2, "interference": 3}  # a base and what was trained from it
ON_SPECTRA = {"sparsity", "trainable", "learning-rate", "weight-decay", "ranks", "traps"}
OPTIONS: dict[str, dict[str, object]] = {"quantisation": {"top": 0}, "lora-rank": {"value": 0.9}}


def given(known: Rule, tensors: dict[str, Tensor], folder: Path) -> Members:
    """As many checkpoints as the rule takes at least, two for an update: the last holds these tensors."""
    count = COUNTS.get(known.name, known.fewest)
    paths = []
    for at in range(count):
        place = folder / f"checkpoint-{at}"
        place.mkdir()
        (place / "config.json").write_text(json.dumps(CONFIG))
        own = tensors if at == count - 1 else llama(seed=at + 1)
        if own is not tensors:
            own = {name: tensor for name, tensor in own.items() if name in tensors}
        paths.append(save(own, place / "model.safetensors"))
    return members(*paths)


def asked(known: Rule, checkpoints: Members) -> Prescription | EigenscopeError:
    try:
        return prescribe(known.name, checkpoints, **OPTIONS.get(known.name, {}))
    except EigenscopeError as error:
        return error


def answer(known: Rule, tensors: dict[str, Tensor], folder: Path) -> Prescription | EigenscopeError:
    found = asked(known, given(known, tensors, folder))
    if isinstance(found, EigenscopeError):
        assert found.code != EigenscopeError.code
    else:
        assert write(found, folder / "out")[0] == "prescription.json"  # whose JSON holds no NaN
    return found


def said(found: Prescription | EigenscopeError) -> str:
    return found.message if isinstance(found, EigenscopeError) else json.dumps(found.to_json())


EACH = pytest.mark.parametrize("known", PRESCRIPTIONS, ids=lambda known: known.name)


@EACH
def test_a_layer_with_nan_is_named(known: Rule, tmp_path: Path) -> None:
    tensors = llama()
    tensors[BAD][3, 5] = torch.nan
    found = answer(known, tensors, tmp_path)
    assert BAD in said(found)
    if isinstance(found, Prescription):
        assert found.entries.get(BAD) is None
        assert any(BAD in note for note in found.answer.notes) or "NaN" in said(found)


@EACH
def test_one_layer_only_is_an_answer_for_it_or_a_reason(known: Rule, tmp_path: Path) -> None:
    only = "model.layers.0.mlp.up_proj.weight"
    found = answer(known, {only: llama()[only]}, tmp_path)
    if isinstance(found, Prescription):
        assert {name.partition("[")[0] for name in found.entries} <= {only}
        assert found.entries or found.answer.notes or found.answer.doubt


@EACH
def test_codes_of_a_quantised_layer_are_not_taken_for_weights(known: Rule, tmp_path: Path) -> None:
    tensors = llama()
    tensors[BAD] = (tensors[BAD] * 40).to(torch.int8)
    found = answer(known, tensors, tmp_path)
    assert isinstance(found, EigenscopeError) or BAD not in found.entries


@EACH
def test_a_dequantised_layer_is_noted_or_refused(known: Rule, tmp_path: Path) -> None:
    """As bitsandbytes keeps 8 bits: codes beside the largest value of each row."""
    tensors = llama()
    scale = tensors[BAD].abs().amax(dim=1)
    codes = torch.round(tensors[BAD] / scale[:, None] * 127).to(torch.int8)
    stem = BAD.removesuffix("weight")
    quantised = {BAD: codes, f"{stem}SCB": scale, f"{BAD}_format": torch.tensor(0, dtype=torch.uint8)}
    found = answer(known, tensors | quantised, tmp_path)
    if known.name in ON_SPECTRA:
        assert isinstance(found, Prescription)
        assert any("dequantised" in note for note in found.answer.notes), found.answer.notes


@EACH
def test_an_adapter_without_its_base(known: Rule, tmp_path: Path) -> None:
    """A plain LoRA's own update can be resized; what is asked of a model's weights cannot be answered."""
    folder = tmp_path / "lora"
    folder.mkdir()
    random = torch.Generator().manual_seed(0)
    stem = "base_model.model.model.layers.0.mlp.up_proj"
    factors = {
        f"{stem}.lora_A.weight": torch.randn(4, 64, generator=random),
        f"{stem}.lora_B.weight": torch.randn(96, 4, generator=random),
    }
    save_file(factors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": ["up_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    found = asked(known, members(folder))
    if known.name == "lora-rank":
        assert isinstance(found, Prescription)
        assert list(found.entries) == ["model.layers.0.mlp.up_proj.weight"]
    else:
        assert isinstance(found, EigenscopeError)
        assert found.code in ("adapter-alone", "wrong-members"), found.message
