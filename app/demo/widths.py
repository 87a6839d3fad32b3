"""Models of four widths that nobody trained, with settings beside them as a trainer writes them.

Their largest singular values are as the law of width scaling wants them under η ∝ 1/d and λ ∝ √d (arXiv 2510.15262):
the same at all widths. One kind of matrix grows faster, so that a report has something to find.
"""

import json
import math
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from app.demo.matrices import Stored, Tensors, heavy_tailed, largest, round_values

SEED = 0
WIDTHS = (64, 96, 128, 192)
BLOCKS, VOCABULARY = 2, 256
INNER = 4  # times the width
PARTS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")
ALPHA = 3.5  # of every matrix's power law
TOP = 4.0  # σ₁ at the narrowest width
ODD, FASTER = "mlp.down_proj", 0.5  # its σ₁ grows as that power of d
SCATTER = 0.01  # of ln σ₁ between matrices
RATE, DECAY, STEPS = 1e-2, 1.0, 1600  # η and λ at the narrowest width, and steps


def write(folder: Path) -> dict[str, list[Path]]:
    """Writes the models into the folder: the files of each by its name."""
    found = {}
    for width in WIDTHS:
        place = folder / f"width-{width}"
        place.mkdir()
        save_file(model(width), place / "model.safetensors", {"format": "pt"})
        for name, content in settings(width).items():
            (place / name).write_text(json.dumps(content, indent=1))
        found[f"Width {width} (made up)"] = [place / name for name in ("model.safetensors", *settings(width))]
    return found


def model(width: int) -> Tensors:
    random = np.random.default_rng([SEED, width])
    tensors = {"model.embed_tokens.weight": round_values(random.standard_normal((VOCABULARY, width)) / 8)}
    for block in range(BLOCKS):
        for part in PARTS:
            tensors[f"model.layers.{block}.{part}.weight"] = matrix(part, width, random)
    return tensors


def matrix(part: str, width: int, random: np.random.Generator) -> Stored:
    """Of a part, with the σ₁ that it is to have at this width."""
    rows = INNER * width if part == "mlp.up_proj" else width
    columns = INNER * width if part == "mlp.down_proj" else width
    power = FASTER if part == ODD else 0.0
    top = TOP * (width / WIDTHS[0]) ** power * math.exp(SCATTER * random.standard_normal())
    found = heavy_tailed(rows, columns, ALPHA, random)
    return round_values(found * (top / largest(found)))


def settings(width: int) -> dict[str, dict[str, object]]:
    """The files beside the weights, by name."""
    times = width / WIDTHS[0]
    return {
        "config.json": {
            "model_type": "llama",
            "hidden_size": width,
            "intermediate_size": INNER * width,
            "num_hidden_layers": BLOCKS,
            "vocab_size": VOCABULARY,
        },
        "trainer_state.json": {"global_step": STEPS, "max_steps": STEPS},
        "training_args.json": {
            "learning_rate": RATE / times,
            "weight_decay": DECAY * math.sqrt(times),
            "optim": "adamw_torch",
            "lr_scheduler_type": "constant",
        },
    }
