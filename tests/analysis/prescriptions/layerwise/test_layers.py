"""Which layers are scaled: the ends by the order of modules, also where the head shares the embedding."""

import json
from pathlib import Path

import pytest
import torch

from analysis.errors import PrescriptionError
from analysis.prescriptions.layerwise.layers import scaled_layers, with_ends
from tests.analysis.prescriptions.golden import llama, members, model, save

HILL = "alpha_hill_median"
FIRST, LAST = "model.layers.0.self_attn.q_proj.weight", "model.layers.2.mlp.down_proj.weight"


def test_the_first_linear_layer_is_no_embedding_and_the_last_is_the_head() -> None:
    found = scaled_layers(model(), HILL)
    assert found.ends == (FIRST, "lm_head.weight")
    names = {layer.tensor for layer in found.layers}
    assert len(names) == 19
    assert not any("k_proj" in name or "v_proj" in name for name in names)  # 48 eigenvalues


def test_llr_has_embeddings_and_heads_as_its_ends() -> None:
    found = with_ends(model(), HILL)
    assert set(found.ends) == {"model.embed_tokens.weight", "lm_head.weight"}
    assert FIRST in {layer.tensor for layer in found.layers}


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_head_is_the_last_layer_though_no_tensor_of_its_own(tmp_path: Path, tied: bool) -> None:
    tensors = {name: tensor for name, tensor in llama(layers=3).items() if name != "lm_head.weight"}
    save(tensors, tmp_path / "model.safetensors")
    if tied:
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": True}
        (tmp_path / "config.json").write_text(json.dumps(config))
    found = scaled_layers(members(tmp_path), HILL)
    assert found.ends == ((FIRST,) if tied else (FIRST, LAST))


def test_one_layer_only_is_refused(tmp_path: Path) -> None:
    path = save({"layers.0.q_proj.weight": torch.randn(60, 60)}, tmp_path / "m.safetensors")
    with pytest.raises(PrescriptionError, match="no layer is left to scale"):
        scaled_layers(members(path), HILL)
    small = save({f"layers.{n}.q_proj.weight": torch.randn(40, 60) for n in range(4)}, tmp_path / "s.safetensors")
    with pytest.raises(PrescriptionError, match="no layer has 50"):
        with_ends(members(small), HILL)
