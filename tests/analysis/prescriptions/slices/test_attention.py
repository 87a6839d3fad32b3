"""Heads of real layouts, against slices cut by hand, and heads of an update."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from analysis.formats import open_checkpoint
from analysis.prescriptions.slices.attention import Slice, attentions, block_path, read_heads, read_updated_heads
from tests.analysis.prescriptions.golden import FOLDER, llama, members, save

CONFIG = {"model_type": "llama", "num_attention_heads": 8, "num_key_value_heads": 4, "hidden_size": 64}
OUT, Q, K = (f"model.layers.0.self_attn.{name}_proj.weight" for name in "oqk")


def model(
    tmp_path: Path, tensors: dict[str, Tensor], config: dict[str, object] | None = None, name: str = "one"
) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    return save(tensors, folder / "model.safetensors")


def heads(path: Path) -> dict[str, Slice]:
    left: list[str] = []
    found = {one.name: one for one in read_heads(open_checkpoint([path]), left)}
    assert left == []
    return found


def test_every_head_of_the_golden_model() -> None:
    found = heads(FOLDER / "model.safetensors")
    assert len(found) == 4 * (6 + 3 + 3 + 6)
    q, k = (open_checkpoint([FOLDER / "model.safetensors"]).read(name).double().numpy() for name in (Q, K))
    values = found[f"{OUT}[head 5]"].values
    assert values["qk_sigma1"] == pytest.approx(np.linalg.norm(q[80:96].T @ k[32:48], 2))
    gain = open_checkpoint([FOLDER / "model.safetensors"]).read("model.layers.0.input_layernorm.weight")
    assert torch.equal(gain, torch.ones(96))
    assert values["logit_bound"] == pytest.approx(float(values["qk_safe_bound"] or 0.0) * 96 / 4)
    shares = [float(found[f"{Q}[head {i}]"].values["share"] or 0.0) for i in range(6)]
    assert shares == pytest.approx([np.sum(q[16 * i : 16 * i + 16] ** 2) / np.sum(q**2) for i in range(6)])


def test_the_norm_is_folded_into_the_bound(tmp_path: Path) -> None:
    tensors = llama(layers=1)
    gain = torch.linspace(0.5, 2.0, 64)
    tensors["model.layers.0.input_layernorm.weight"] = gain
    bound = heads(model(tmp_path, tensors))[f"{OUT}[head 3]"].values["logit_bound"]
    q, k = tensors[Q][24:32].double() * gain, tensors[K][8:16].double() * gain
    wanted = float(torch.linalg.matrix_norm(q, 2) * torch.linalg.matrix_norm(k, 2)) * 64 / 8**0.5
    assert bound == pytest.approx(wanted)
    shifted = heads(model(tmp_path, tensors, {**CONFIG, "model_type": "gemma"}, "gemma"))[f"{OUT}[head 3]"].values
    assert float(shifted["logit_bound"] or 0.0) > wanted
    biased = tensors | {Q.replace("weight", "bias"): torch.zeros(64)}
    assert heads(model(tmp_path, biased, name="biased"))[f"{OUT}[head 3]"].values["logit_bound"] is None


def test_an_interleaved_projection_of_transformers(tmp_path: Path) -> None:
    config = GPTNeoXConfig(
        vocab_size=30, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=48,
    )  # fmt: skip
    torch.manual_seed(0)
    network = GPTNeoXForCausalLM(config)
    path = model(tmp_path, dict(network.state_dict()), json.loads(config.to_json_string(use_diff=False)))
    fused = network.state_dict()["gpt_neox.layers.0.attention.query_key_value.weight"].double().reshape(4, 3, 8, 32)
    found = [one for one in heads(path).values() if one.role == "o"]
    assert len(found) == 4
    for one in found:
        q, k, _ = fused[one.head]
        assert one.values["qk_sigma1"] == pytest.approx(float(torch.linalg.matrix_norm(q.T @ k, 2)), rel=1e-6)


def test_an_update_of_one_head_is_found(tmp_path: Path) -> None:
    base = llama(layers=1)
    tuned = dict(base)
    tuned[OUT] = base[OUT].clone()
    tuned[OUT][:, 40:48] += 0.1 * torch.outer(torch.randn(64), torch.randn(8))
    left: list[str] = []
    given = members(model(tmp_path, base, name="base"), model(tmp_path, tuned, name="tuned"))
    found = {one.name: one.values for one in read_updated_heads(given, left)}
    assert left == []
    assert found[f"{OUT}[head 5]"]["share"] == pytest.approx(1.0)
    assert found[f"{OUT}[head 5]"]["top_share"] == pytest.approx(1.0, abs=1e-6)
    assert found[f"{OUT}[head 4]"]["share"] == 0.0


def test_nan_in_one_attention_leaves_the_others(tmp_path: Path) -> None:
    tensors = llama(layers=2)
    tensors[K][0, 0] = torch.nan
    left: list[str] = []
    found = list(read_heads(open_checkpoint([model(tmp_path, tensors)]), left))
    assert left == [f"{K}: 1 of 2048 values are NaN or infinite"]
    assert {one.tensor.split(".")[2] for one in found} == {"1"}


def test_without_a_config_there_are_no_heads(tmp_path: Path) -> None:
    path = save(llama(layers=1), tmp_path / "m.safetensors")
    assert heads(path) == {}
    assert list(attentions(open_checkpoint([path]))) == ["model.layers.0.self_attn"]
    assert block_path("h.0.attn.c_proj.weight") == "h.0.attn"
