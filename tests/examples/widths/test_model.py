"""The decoder: against LLaMA of transformers, and what it must not see."""

from typing import Any

import pytest
import torch

from analysis.tensors.matrices import Header, describe
from examples.widths.model import DEPTH, HEAD, MLP, Decoder

WIDTH = 64


def test_it_computes_what_llama_does() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    settings: dict[str, Any] = {
        "hidden_size": WIDTH,
        "intermediate_size": round(MLP * WIDTH),
        "num_hidden_layers": DEPTH,
        "vocab_size": 256,
        "num_attention_heads": WIDTH // HEAD,
        "rms_norm_eps": 1e-6,
        "attn_implementation": "eager",
        "tie_word_embeddings": False,
    }
    ours, theirs = Decoder(WIDTH, seed=1), LlamaForCausalLM(LlamaConfig(**settings))
    missing, unexpected = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not unexpected
    assert not [name for name in missing if "rotary" not in name]
    tokens = torch.randint(256, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(ours(tokens), theirs(tokens).logits, atol=1e-4)


def test_the_future_is_not_seen() -> None:
    model, tokens = Decoder(WIDTH, seed=0), torch.zeros(1, 8, dtype=torch.long)
    changed = tokens.clone()
    changed[0, 5:] = 7
    with torch.no_grad():
        assert torch.equal(model(tokens)[:, :5], model(changed)[:, :5])
        assert not torch.equal(model(tokens)[:, 5:], model(changed)[:, 5:])


def test_an_untrained_model_knows_nothing() -> None:
    batch = torch.randint(256, (4, 33), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert Decoder(WIDTH, seed=0).loss(batch).item() == pytest.approx(
            6.0, abs=0.5
        )  # ln 256 = 5.5, and the logits' spread


def test_eigenscope_knows_its_tensors_by_name() -> None:
    state = Decoder(WIDTH, seed=0).state_dict()
    found = describe({name: Header(tuple(t.shape), "float32", t.nbytes) for name, t in state.items()})
    roles = {info.role for info in found if info.skip is None}
    assert roles == {"q", "k", "v", "o", "gate", "up", "down", "embedding", "head"}
