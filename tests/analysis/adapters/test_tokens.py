"""Trained tokens: new rows in an embedding."""

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from analysis.adapters import open_adapter
from analysis.adapters.config import AdapterConfig
from analysis.adapters.names import AdaptedModule
from analysis.adapters.tokens import merge
from analysis.errors import AdapterError
from analysis.formats import open_checkpoint
from analysis.tensors.matrices import Header, describe
from tests.adapters import assert_merges_as_peft, peft, train

MODULE = AdaptedModule("model.embed_tokens.weight", ("x",))


def config(**settings: Any) -> AdapterConfig:
    return AdapterConfig("TRAINABLE_TOKENS", settings)


def test_the_weights_are_those_of_peft(tmp_path: Path) -> None:
    settings = peft().TrainableTokensConfig(token_indices=[1, 17, 5], target_modules=["emb"])
    assert_merges_as_peft(train(tmp_path, settings), 0.0, ["emb.weight"])


def test_the_update_is_as_many_directions_as_rows() -> None:
    base, rows = torch.randn(9, 4), torch.randn(2, 4)
    tuned, factors = merge(config(token_indices=[7, 2]), MODULE, base, rows)
    assert torch.equal(tuned[[7, 2]], rows)
    untouched = [row for row in range(9) if row not in (7, 2)]
    assert torch.equal(tuned[untouched], base[untouched])
    assert torch.allclose(base + factors.left @ factors.right, tuned, atol=1e-6)
    assert factors.left.shape == (9, 2)


def test_tokens_and_factors_of_one_embedding_are_refused(tmp_path: Path) -> None:
    made = {"base_model.model.emb.token_adapter.trainable_tokens_delta": torch.ones(1, 4)}
    made |= {"base_model.model.emb.lora_embedding_A": torch.ones(2, 9)}
    safetensors.torch.save_file(made, tmp_path / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "trainable_token_indices": [1]}
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    adapter = open_adapter(open_checkpoint([tmp_path]))
    info = describe({"emb.weight": Header((9, 4), "float32", 0)})[0]
    with pytest.raises(AdapterError, match="emb: both factors and trained tokens"):
        adapter.tuned(adapter.modules[0], info, torch.zeros(9, 4))


def test_tokens_of_several_layers_go_by_name() -> None:
    tuned, _ = merge(
        config(trainable_token_indices={"other": [0], "embed_tokens": [3]}), MODULE, torch.zeros(5, 2), torch.ones(1, 2)
    )
    assert tuned.sum(1).tolist() == [0, 0, 0, 2, 0]


BAD: list[tuple[object, str]] = [
    (None, "does not list the tokens"),
    ([], "does not list the tokens"),
    ({"other": [1]}, "does not list the tokens"),
    ([1, 1], "does not list the tokens"),
    ([0.5, 1], "not a list of indices"),
    ([-1, 1], "not a list of indices"),
    ([True, 1], "not a list of indices"),
    ([1], "2 × 4 trained values for 1 tokens of width 4"),
    ([1, 9], "token 9 was trained; the base has 9"),
]


@pytest.mark.parametrize(("indices", "message"), BAD)
def test_lists_that_make_no_sense(indices: object, message: str) -> None:
    with pytest.raises(AdapterError, match="embed_tokens") as caught:
        merge(config(token_indices=indices), MODULE, torch.zeros(9, 4), torch.ones(2, 4))
    assert message in caught.value.message
