"""One training run, which goes on where it was stopped, saved as what Eigenscope reads: weights, and what is known of
them in the files that the Hugging Face Trainer would write.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch.optim.lr_scheduler import LambdaLR

from examples.widths.data import BYTES, Text, windows
from examples.widths.model import DEPTH, HEAD, MLP, Decoder
from examples.widths.recipes import DECAY, RATE, Recipe

BATCH, LENGTH = 8, 64  # stretches a step, bytes in each
BETAS = (0.9, 0.95)
CLIP = 1.0  # gradient norm
KEPT = 200  # steps after which a run is put down, to go on from there
TESTED, TEST_SEED = 256, 10**9  # stretches of the test text
TRACED = (128, "sqrt", 0)  # the run whose steps are saved on the way
MOMENTS = (50, 100, 200, 400, 800)
DONE, HALFWAY = "trained.json", "halfway.pt"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run came to: nats per byte, and processor time."""

    train_loss: float  # mean of the last 50 steps
    test_loss: float
    seconds: float


@dataclass(slots=True)
class Going:
    """A run under way."""

    model: Decoder
    optimizer: torch.optim.AdamW
    schedule: LambdaLR
    losses: list[float]
    seconds: float = 0.0

    def kept(self) -> dict[str, Any]:
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer", "schedule")}
        return {**parts, "losses": self.losses, "seconds": self.seconds}


def train(recipe: Recipe, data: Text, folder: Path) -> Trained:
    """Trains the run unless it is there already; what came of it."""
    place = folder / recipe.name
    if (place / DONE).exists():
        return Trained(**json.loads((place / DONE).read_text()))
    place.mkdir(parents=True, exist_ok=True)
    going = resumed(recipe, place)
    began = time.process_time() - going.seconds
    for step in range(len(going.losses), recipe.steps):
        going.losses.append(one(going, windows(data.train, BATCH, LENGTH, seed=recipe.seed * recipe.steps + step)))
        going.seconds = time.process_time() - began
        keep(going, recipe, place, step + 1)
    with torch.no_grad():
        test = going.model.loss(windows(data.test, TESTED, LENGTH, TEST_SEED)).item()
    last = going.losses[-50:]
    result = Trained(sum(last) / len(last), test, round(going.seconds, 1))
    save(going.model, recipe, place, recipe.steps)
    (place / DONE).write_text(json.dumps(asdict(result), indent=1))  # last: a run without it goes on
    (place / HALFWAY).unlink(missing_ok=True)
    return result


def started(recipe: Recipe) -> Going:
    model = Decoder(recipe.width, recipe.seed)
    optimizer = torch.optim.AdamW(groups(model, recipe), betas=BETAS, fused=True)
    schedule = LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / recipe.warm_up))
    return Going(model, optimizer, schedule, [])


def groups(model: Decoder, recipe: Recipe) -> list[dict[str, Any]]:
    """Matrices by the rule; the head at their η with a constant λ; embedding and norms at a constant η and λ = 0."""
    inner = dict(model.model.layers.named_parameters())
    matrices = [parameter for parameter in inner.values() if parameter.ndim == 2]
    taken = {id(parameter) for parameter in (*matrices, model.lm_head.weight)}
    vectors = [parameter for parameter in model.parameters() if id(parameter) not in taken]
    return [
        {"params": matrices, "lr": recipe.rate, "weight_decay": recipe.decay},
        {"params": [model.lm_head.weight], "lr": recipe.rate, "weight_decay": DECAY},
        {"params": vectors, "lr": RATE, "weight_decay": 0.0},
    ]


def resumed(recipe: Recipe, place: Path) -> Going:
    """The run as it was put down, or at its start."""
    going, path = started(recipe), place / HALFWAY
    if path.exists():
        kept = torch.load(path, weights_only=True)
        for name in ("model", "optimizer", "schedule"):
            getattr(going, name).load_state_dict(kept[name])
        going.losses, going.seconds = kept["losses"], kept["seconds"]
    return going


def one(going: Going, batch: torch.Tensor) -> float:
    """A step; its loss before it."""
    loss = going.model.loss(batch)
    going.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(going.model.parameters(), CLIP)
    going.optimizer.step()
    going.schedule.step()
    return float(loss.detach())


def keep(going: Going, recipe: Recipe, place: Path, step: int) -> None:
    """Puts the run down now and then, and of one run the weights on the way."""
    if (recipe.width, recipe.rule, recipe.seed) == TRACED and step in MOMENTS:
        save(going.model, recipe, place / f"step{step}", step)
    if step % KEPT == 0 and step < recipe.steps:
        fresh = place / f"{HALFWAY}.new"
        torch.save(going.kept(), fresh)
        fresh.replace(place / HALFWAY)


def save(model: Decoder, recipe: Recipe, place: Path, step: int) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name, told in described(recipe, step).items():
        (place / name).write_text(json.dumps(told, indent=1))
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, place / "model.safetensors")


def described(recipe: Recipe, step: int) -> Mapping[str, Mapping[str, object]]:
    """The files beside the weights, by name."""
    return {
        "config.json": {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_size": recipe.width,
            "intermediate_size": round(MLP * recipe.width),
            "num_hidden_layers": DEPTH,
            "num_attention_heads": recipe.width // HEAD,
            "vocab_size": BYTES,
        },
        "trainer_state.json": {"global_step": step, "max_steps": recipe.steps},
        "training_args.json": {
            "learning_rate": recipe.rate,
            "weight_decay": recipe.decay,
            "optim": "adamw_torch_fused",
            "adam_beta1": BETAS[0],
            "adam_beta2": BETAS[1],
            "lr_scheduler_type": "constant_with_warmup",
            "warmup_steps": recipe.warm_up,
            "seed": recipe.seed,
        },
    }
