"""A LLaMA-like decoder over bytes: RMSNorm, rotary positions, SwiGLU. Its tensors bear LLaMA's names."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from examples.widths.data import BYTES

DEPTH = 2
HEAD = 32  # width of an attention head: wider models have more of them
MLP = 2.5  # times the width
ROTARY = 10_000.0


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            self.add_module(name, nn.Linear(width, width, bias=False))

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            self.get_submodule(name)(x).view(batch, length, -1, HEAD).transpose(1, 2)
            for name in ("q_proj", "k_proj", "v_proj")
        )  # (batch, heads, length, HEAD)
        mixed = functional.scaled_dot_product_attention(turned(q, turns), turned(k, turns), v, is_causal=True)
        out: Tensor = self.get_submodule("o_proj")(mixed.transpose(1, 2).reshape(batch, length, width))
        return out


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        inner = round(MLP * width)
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(width, eps=1e-6)
        self.self_attn = Attention(width)
        self.post_attention_layernorm = nn.RMSNorm(width, eps=1e-6)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turns)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Inner(nn.Module):
    """All but the head, as LLaMA's files have it under "model."."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(BYTES, width)
        self.layers = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.RMSNorm(width, eps=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        x, turns = self.embed_tokens(tokens), rotations(tokens.shape[1])
        for block in self.layers:
            x = block(x, turns)
        out: Tensor = self.norm(x)
        return out


class Decoder(nn.Module):
    """Logits of the next byte after each: (batch, length) to (batch, length, 256)."""

    def __init__(self, width: int, seed: int, depth: int = DEPTH) -> None:
        super().__init__()
        self.model = Inner(width, depth)
        self.lm_head = nn.Linear(width, BYTES, bias=False)
        start(self, seed)

    def forward(self, tokens: Tensor) -> Tensor:
        out: Tensor = self.lm_head(self.model(tokens))
        return out

    def loss(self, windows: Tensor) -> Tensor:
        """Mean cross-entropy of each next byte, in nats; windows are (batch, length + 1)."""
        found = self(windows[:, :-1])
        return functional.cross_entropy(found.flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def start(model: nn.Module, seed: int) -> None:
    """Normal entries: of variance 1 over the side that is read in matrices, 1 in the embedding."""
    random = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            scale = 1.0 if "embed" in name else parameter.shape[1] ** -0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=random))


def rotations(length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines by which each position turns the pairs of a head: (length, HEAD) both."""
    speeds = ROTARY ** (-torch.arange(0, HEAD, 2) / HEAD)
    angles = torch.outer(torch.arange(length), speeds).repeat(1, 2)
    return angles.cos(), angles.sin()


def turned(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * turns[0] + torch.cat([-second, first], dim=-1) * turns[1]
