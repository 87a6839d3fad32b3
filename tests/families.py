"""Little models of several widths whose largest singular values follow √(η/λ) · d^0.75, for tests."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import Request, Scalar, Table
from analysis.diagnostics.top_singular_value.diagnostic import TOP_SINGULAR_VALUE
from analysis.engine.pieces import Held, pieces
from analysis.tensors.matrices import Header, describe
from analysis.width_scaling.law import Setting

WIDTHS = (16.0, 24.0, 32.0, 48.0)
BLOCKS, WORDS = 3, 40
REQUEST = Request(TOP_SINGULAR_VALUE, TOP_SINGULAR_VALUE.settings({}))
NAMES = tuple(f"model {at}" for at in range(9))
Rule = Callable[[float], float]
RULES: Mapping[str, tuple[Rule, Rule, float]] = {  # η, λ, and the drift of σ₁ that the law predicts
    "λ ∝ √d": (lambda d: 0.64 / d, lambda d: 0.5 * d**0.5, 0.0),
    "λ constant": (lambda d: 0.64 / d, lambda d: 2.0, 0.25),
    "λ ∝ d": (lambda d: 0.64 / d, lambda d: 0.125 * d, -0.25),
    "both constant": (lambda d: 0.01, lambda d: 2.0, 0.75),
}


def settings(rule: str, widths: Sequence[float] = WIDTHS, steps: float = 10_000.0) -> list[Setting]:
    rate, decay, _ = RULES[rule]
    return [Setting(d, rate(d), decay(d), steps) for d in widths]


def law(setting: Setting) -> float:
    assert setting.learning_rate
    assert setting.weight_decay
    return 3.0 * math.sqrt(setting.learning_rate / setting.weight_decay) * math.pow(setting.width, 0.75)


def sigmas(given: Sequence[Setting], layers: int = 8, noise: float = 0.03, seed: int = 0) -> np.ndarray:
    """σ₁ of each layer in each model, by the law, with noise that no two share."""
    random = np.random.default_rng(seed)
    exact = np.array([[law(setting) for setting in given]])
    return np.asarray(exact * np.exp(noise * random.standard_normal((layers, len(given)))))


def model(setting: Setting, noise: float = 0.0, blocks: int = BLOCKS) -> dict[str, Tensor]:
    """LLaMA's names; every matrix has the law's σ₁, the embedding and the head have what they happen to have."""
    random = torch.Generator().manual_seed(round(setting.width))
    d = round(setting.width)

    def matrix(rows: int, columns: int) -> Tensor:
        found = torch.randn(rows, columns, generator=random)
        wanted = law(setting) * float(torch.exp(noise * torch.randn((), generator=random)))
        return found * (wanted / float(torch.linalg.matrix_norm(found, 2)))

    found = {"model.embed_tokens.weight": torch.randn(WORDS, d, generator=random)}
    for block in range(blocks):
        place = f"model.layers.{block}"
        found |= {f"{place}.self_attn.{x}_proj.weight": matrix(d, d) for x in "qkvo"}
        found |= {f"{place}.mlp.{x}_proj.weight": matrix(2 * d, d) for x in ("gate", "up")}
        found[f"{place}.mlp.down_proj.weight"] = matrix(d, 2 * d)
        found[f"{place}.input_layernorm.weight"] = torch.ones(d)
    found["lm_head.weight"] = torch.randn(WORDS, d, generator=random)
    return found


def write(folder: Path, rule: str, widths: Sequence[float] = WIDTHS) -> list[Path]:
    """A file for each width."""
    paths = [folder / f"d{d:g}.safetensors" for d in widths]
    for path, setting in zip(paths, settings(rule, widths), strict=True):
        save_file(model(setting), path)
    return paths


def facts(given: Setting) -> dict[str, float]:
    """The facts of a checkpoint that was trained so."""
    told = {"learning_rate": given.learning_rate, "weight_decay": given.weight_decay, "step": given.step}
    return {name: value for name, value in told.items() if value is not None}


def table(given: Sequence[Setting], stated: Sequence[Mapping[str, Scalar]] | None = None, noise: float = 0.0) -> Table:
    """The table of a family of little models, with the facts that are stated of them, or those that are true."""
    described = [describe({name: Header(tuple(t.shape), "float32", 4) for name, t in model(given[0]).items()})]
    models = [model(setting, noise) for setting in given]
    rows = []
    for info in described[0]:
        if info.skip is None:
            held = {at: Held(state[info.name], info=info) for at, state in enumerate(models)}
            for piece in pieces(info, held, NAMES):
                asked = [(REQUEST, tuple(range(len(given))))]
                rows += [row for _, row in piece.measure(asked, piece.weights)]
    names = tuple(f"d{setting.width:g}" for setting in given)
    return Table(REQUEST.diagnostic, tuple(rows), names, tuple(stated or map(facts, given)))
