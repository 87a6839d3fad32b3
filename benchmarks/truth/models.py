"""Small models trained until they work, in seconds: what faults are planted in, and what must be left in peace.

Language models read this machine's own Python sources, letter by letter; classifiers read scikit-learn's digits. Each
is trained once and kept outside the repository, in the folder that EIGENSCOPE_TRUTH names or in the system's
temporary one.
"""

import os
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

State = dict[str, Tensor]
Batches = Iterator[tuple[Tensor, Tensor]]
KEPT = Path(os.environ.get("EIGENSCOPE_TRUTH", Path(tempfile.gettempdir()) / "eigenscope-truth"))
SIGHT, LETTERS = 64, 128


@dataclass(frozen=True, slots=True)
class Recipe:
    """An architecture and how it is trained."""

    name: str
    make: Callable[[], nn.Module]
    text: bool  # reads text, else digits
    steps: int
    rate: float
    decay: float = 0.01
    optimizer: str = "adamw"  # or sgd, or muon
    held_back: bool = False  # no threshold was set on it
    batches: Callable[[], Batches] | None = None  # what it reads, where it is neither of the two
    start: "Recipe | None" = None  # what it is fine-tuned from


class Attention(nn.Module):
    """Causal attention with separate projections, named as in LLaMA, or one for all three, as in GPT-2."""

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads = heads
        names = ("c_attn",) if fused else ("q_proj", "k_proj", "v_proj")
        for name in names:
            setattr(self, name, nn.Linear(width, 3 * width if fused else width, bias=fused))
        self.parts = names
        self.o_proj = nn.Linear(width, width, bias=fused)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([getattr(self, name)(x) for name in self.parts], -1)
        batch, length, _ = x.shape
        q, k, v = (part.reshape(batch, length, self.heads, -1).transpose(1, 2) for part in joined.chunk(3, -1))
        seen = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed: Tensor = self.o_proj(seen.transpose(1, 2).flatten(2))
        return mixed


class FeedForward(nn.Module):
    """Gated, as in LLaMA, or with one activation."""

    def __init__(self, width: int, inner: int, gated: bool) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(width, inner, bias=False) if gated else None
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up_proj(x)
        active = nn.functional.gelu(up) if self.gate_proj is None else nn.functional.silu(self.gate_proj(x)) * up
        changed: Tensor = self.down_proj(active)
        return changed


class Block(nn.Module):
    mlp: nn.Module

    def __init__(self, width: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn = Attention(width, heads, fused)
        self.mlp = FeedForward(width, 4 * width if fused else 2 * width, not fused)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        changed: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return changed


class Language(nn.Module):
    """A causal transformer over letters. `spread`: standard deviation of the initial weights; 0: PyTorch's own."""

    def __init__(self, width: int, blocks: int, heads: int, fused: bool, spread: float) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(LETTERS, width)
        self.embed_positions = nn.Embedding(SIGHT, width)
        self.layers = nn.ModuleList(Block(width, heads, fused) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, LETTERS, bias=False)
        for parameter in self.parameters():
            if spread and parameter.ndim == 2:
                nn.init.normal_(parameter, std=spread)

    def forward(self, letters: Tensor) -> Tensor:
        x = self.embed_tokens(letters) + self.embed_positions.weight[: letters.shape[1]]
        for layer in self.layers:
            x = layer(x)
        scores: Tensor = self.lm_head(self.norm(x))
        return scores


class Encoder(nn.Module):
    """PyTorch's own encoder, whose layers start as copies of each other, on the rows of a digit."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, blocks, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self.encoder(self.embed(images.squeeze(1))).mean(1))
        return scores


def perceptron(*widths: int) -> nn.Module:
    """Layers without names, as many people write them."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def convolutional(width: int, layers: int, stages: int) -> nn.Module:
    """Convolutions with batch norms; the width doubles at each stage."""
    parts: list[nn.Module] = []
    channels = 1
    for stage in range(stages):
        for _ in range(layers):
            outer = width * 2**stage
            parts += [nn.Conv2d(channels, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer), nn.ReLU()]
            channels = outer
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, 10))


RECIPES: tuple[Recipe, ...] = (
    Recipe("llama", partial(Language, 96, 5, 4, False, 0.02), True, 500, 2e-3, 0.1),
    Recipe("gpt", partial(Language, 96, 4, 4, True, 0.0), True, 500, 1e-3),
    Recipe("mlp", partial(perceptron, 64, 256, 256, 256, 256, 256, 10), False, 600, 1e-3),
    Recipe("cnn", partial(convolutional, 32, 4, 1), False, 300, 1e-3),
    Recipe("encoder", partial(Encoder, 64, 4), False, 600, 1e-3, held_back=True),
    Recipe("llama wide", partial(Language, 160, 4, 5, False, 0.02), True, 400, 1e-3, 0.0, held_back=True),
    Recipe("mlp sgd", partial(perceptron, 64, 384, 384, 384, 384, 10), False, 800, 0.05, 5e-4, "sgd", held_back=True),
    Recipe("cnn stages", partial(convolutional, 24, 3, 2), False, 300, 0.05, 5e-4, "sgd", held_back=True),
)


def trained(recipe: Recipe, seed: int) -> State:
    """The weights after training, made once."""
    file = KEPT / f"{recipe.name.replace(' ', '-')}-{seed}.safetensors"
    if not file.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        start = None if recipe.start is None else trained(recipe.start, seed)
        save_file(train(recipe, seed, start), file)
    return load_file(file)


def fresh(recipe: Recipe, seed: int) -> State:
    """The weights before any training."""
    torch.manual_seed(seed)
    return {name: tensor.detach().clone() for name, tensor in recipe.make().state_dict().items()}


def train(recipe: Recipe, seed: int, start: State | None = None) -> State:
    """The weights after the recipe's steps, from `start` where that is given."""
    torch.manual_seed(seed)
    model = recipe.make().train()
    if start is not None:
        model.load_state_dict(start)
    optimizers = _optimizers(recipe, model)
    schedules = [
        torch.optim.lr_scheduler.OneCycleLR(each, recipe.rate, total_steps=recipe.steps) for each in optimizers
    ]
    batches = (recipe.batches or (text if recipe.text else digits))()
    for step, (inputs, targets) in zip(range(recipe.steps), batches, strict=False):
        loss = nn.functional.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
        model.zero_grad()
        torch.autograd.backward(loss)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        if step + 1 == recipe.steps:
            sys.stderr.write(f"{recipe.name}, seed {seed}: loss {float(loss):.2f}\n")
    return {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}


def _optimizers(recipe: Recipe, model: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon is for hidden matrices alone; the rest is then AdamW's."""
    if recipe.optimizer == "sgd":
        return [torch.optim.SGD(model.parameters(), lr=recipe.rate, momentum=0.9, weight_decay=recipe.decay)]
    if recipe.optimizer == "adamw":
        return [torch.optim.AdamW(model.parameters(), lr=recipe.rate, weight_decay=recipe.decay)]
    hidden = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name and "head" not in name]
    others = [p for p in model.parameters() if all(p is not one for one in hidden)]
    return [
        torch.optim.Muon(hidden, lr=recipe.rate, weight_decay=recipe.decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.rate, weight_decay=recipe.decay),
    ]


def text() -> Batches:
    """Batches of letters and the letters that follow."""
    sources = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:60]
    letters = torch.tensor(list(b"".join(file.read_bytes() for file in sources)), dtype=torch.long) % LETTERS
    while True:
        starts = torch.randint(len(letters) - SIGHT - 1, (24, 1))
        seen = letters[starts + torch.arange(SIGHT + 1)]
        yield seen[:, :-1], seen[:, 1:]


def digits() -> Batches:
    """Batches of 8 × 8 images and their digits, moved and noisy so that they are not learned by heart."""
    from sklearn.datasets import load_digits  # 2 s, only where nothing is kept

    found: Mapping[str, object] = load_digits()
    images = torch.tensor(found["data"], dtype=torch.float32).reshape(-1, 1, 8, 8) / 16.0 - 0.3
    targets = torch.tensor(found["target"])
    while True:
        chosen = torch.randint(len(images), (96,))
        moved = torch.roll(images[chosen], int(torch.randint(-1, 2, ())), 3)
        yield moved + 0.2 * torch.randn_like(moved), targets[chosen]
