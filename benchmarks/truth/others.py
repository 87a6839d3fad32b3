"""Clean models of other kinds than those in which faults are planted: no threshold was set on any of them.

Every warning on one of them is false. They are trained for some seconds each, as those of benchmarks/truth/models.py.
"""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.truth.models import LETTERS, RECIPES, Batches, Block, FeedForward, Language, Recipe, perceptron, text

WIDE = next(recipe for recipe in RECIPES if recipe.name == "llama wide")


class Recurrent(nn.Module):
    """An LSTM or GRU over letters, its gates in one tensor each, as PyTorch names them."""

    def __init__(self, cell: type[nn.LSTM] | type[nn.GRU], width: int, layers: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(LETTERS, width // 2)
        self.rnn = cell(width // 2, width, layers, batch_first=True)
        self.head = nn.Linear(width, LETTERS)

    def forward(self, letters: Tensor) -> Tensor:
        scores: Tensor = self.head(self.rnn(self.embed(letters))[0])
        return scores


class Patches(nn.Module):
    """A vision transformer in small: patches of 2 × 2, a class token, norms first."""

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(1, width, 2, 2)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 17, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, blocks, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], 1) + self.pos_embed
        scores: Tensor = self.head(self.encoder(tokens)[:, 0])
        return scores


class Experts(nn.Module):
    """Gated experts, of which a router weighs the best two for each letter."""

    def __init__(self, width: int, inner: int, count: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, count, bias=False)
        self.experts = nn.ModuleList(FeedForward(width, inner, True) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.gate(x)
        least = scores.topk(2, -1).values[..., -1:]
        shares = scores.masked_fill(scores < least, -torch.inf).softmax(-1)
        outputs = torch.stack([expert(x) for expert in self.experts], -1)
        mixed: Tensor = (outputs * shares[..., None, :]).sum(-1)
        return mixed


def tied() -> nn.Module:
    """A language model whose head is its embedding."""
    model = Language(96, 4, 4, False, 0.02)
    model.lm_head.weight = model.embed_tokens.weight
    return model


def mixture() -> nn.Module:
    model = Language(96, 3, 4, False, 0.02)
    for block in model.layers:
        assert isinstance(block, Block)
        block.mlp = Experts(96, 96, 4)
    return model


def dropping(*widths: int) -> nn.Module:
    """A perceptron that drops six tenths of its hidden units in every step."""
    layers: list[nn.Module] = [nn.Flatten()]
    for inner, outer in pairwise(widths):
        layers += [nn.Linear(inner, outer), nn.ReLU(), nn.Dropout(0.6)]
    return nn.Sequential(*layers[:-2])


def depthwise(width: int, blocks: int) -> nn.Module:
    """Convolutions of one channel each, with 1 × 1 ones between, as in MobileNet."""
    parts: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for _ in range(blocks):
        parts += [nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        parts += [nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * width, 10))


def lower_case() -> Batches:
    """Letters without capitals: a task for a model that knows both."""
    for pair in text():
        seen, after = (torch.where((one >= 65) & (one <= 90), one + 32, one) for one in pair)
        yield seen, after


CLEAN: tuple[Recipe, ...] = (
    Recipe("lstm", partial(Recurrent, nn.LSTM, 128, 2), True, 300, 4e-3, held_back=True),
    Recipe("gru", partial(Recurrent, nn.GRU, 128, 3), True, 300, 4e-3, 0.0, held_back=True),
    Recipe("patches", partial(Patches, 64, 4), False, 500, 1e-3, 0.05, held_back=True),
    Recipe("tied head", tied, True, 400, 2e-3, 0.1, held_back=True),
    Recipe("mlp, no decay", partial(perceptron, 64, 192, 192, 192, 192, 10), False, 600, 1e-3, 0.0, held_back=True),
    Recipe("mlp, much decay", partial(perceptron, 64, 256, 256, 256, 256, 10), False, 1000, 2e-3, 3.0, held_back=True),
    Recipe("mlp, dropout", partial(dropping, 64, 256, 256, 256, 256, 10), False, 800, 1e-3, held_back=True),
    Recipe("muon", partial(Language, 96, 4, 4, False, 0.02), True, 300, 3e-3, 0.1, "muon", held_back=True),
    Recipe("depthwise", partial(depthwise, 64, 4), False, 300, 2e-3, held_back=True),
    Recipe("experts", mixture, True, 300, 2e-3, 0.1, held_back=True),
    Recipe("fine-tuned", WIDE.make, True, 100, 2e-4, 0.0, held_back=True, batches=lower_case, start=WIDE),
)
