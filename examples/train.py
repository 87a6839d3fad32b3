"""One fine-tuning run: trained, tested, probed, and saved as what Eigenscope reads."""

import json
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from examples.data import LABELS, Split
from examples.forgetting import forgetting
from examples.model import embeddings, encoder, pooled, tokenizer
from examples.recipes import Recipe

EPOCHS, BATCH = 3, 8
HEAD_RATE = 1e-3  # the head's own, so that the encoder's learning rate is all that differs
WARM_UP = 0.06  # share of the steps
CLIP = 1.0  # gradient norm, as the usual trainer has it
LINEAR = r".*encoder\.layer\.\d+\..*(query|key|value|dense)"  # all 36 of them
DONE = "trained.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run's training came to. Forgetting: examples.forgetting."""

    accuracy: float  # on the test texts, 0 to 1
    loss: float
    forgetting: float
    similarity_loss: float
    drift: float
    seconds: float  # of processor time


def train(recipe: Recipe, data: tuple[Split, Split], probes: tuple[str, ...], folder: Path) -> Trained:
    """Trains the run unless it is there already; what came of it."""
    place = folder / recipe.name
    if (place / DONE).exists():
        return Trained(**json.loads((place / DONE).read_text()))
    began = time.process_time()
    torch.manual_seed(recipe.seed)
    model = encoder()
    before = embeddings(model, probes)
    tuned = model if recipe.full else with_lora(model, recipe)
    head = nn.Linear(before.shape[1], len(LABELS))
    nn.init.zeros_(head.weight)
    loss = fit(tuned, head, data[0], recipe)
    result = Trained(
        accuracy=accuracy(tuned, head, data[1]),
        loss=loss,
        **forgetting(before, embeddings(tuned, probes)),
        seconds=round(time.process_time() - began, 1),
    )
    save(tuned, recipe, place)
    (place / DONE).write_text(json.dumps(asdict(result), indent=1))  # last: a run without it is done again
    return result


def with_lora(model: nn.Module, recipe: Recipe) -> nn.Module:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules=LINEAR, lora_dropout=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # PEFT asks transformers by a name that goes with its next version
        wrapped: nn.Module = get_peft_model(model, config)
    return wrapped


def fit(model: nn.Module, head: nn.Linear, data: Split, recipe: Recipe) -> float:
    """Trains in place with AdamW and a linear schedule; the mean loss of the last 20 steps."""
    tokens, steps = tokenizer(), EPOCHS * (len(data.texts) // BATCH)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [{"params": learning, "lr": recipe.rate}, {"params": head.parameters(), "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: warmed(step, steps))
    losses = []
    model.train()
    for chosen in batches(len(data.texts), recipe.seed):
        found = head(pooled(model, tokens, [data.texts[i] for i in chosen]))
        loss = nn.functional.cross_entropy(found, torch.tensor([data.labels[i] for i in chosen]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learning, CLIP)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return sum(losses[-20:]) / len(losses[-20:])


def warmed(step: int, steps: int) -> float:
    """The share of the learning rate at a step: up over the warm-up, then down to 0."""
    up = max(1, round(WARM_UP * steps))
    return (step + 1) / up if step < up else (steps - step) / (steps - up)


def batches(count: int, seed: int) -> Iterator[list[int]]:
    """The positions in full batches, in another order in each epoch."""
    order = torch.Generator().manual_seed(seed)
    for _ in range(EPOCHS):
        shuffled = torch.randperm(count, generator=order).tolist()
        yield from (shuffled[i : i + BATCH] for i in range(0, count - BATCH + 1, BATCH))


def accuracy(model: nn.Module, head: nn.Linear, data: Split) -> float:
    """The share of the texts whose label has the highest score."""
    with torch.no_grad():
        scores: Tensor = head(embeddings(model, data.texts))
    return float((scores.argmax(1) == torch.tensor(data.labels)).double().mean())


def save(model: nn.Module, recipe: Recipe, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    if recipe.full:
        tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(tensors, place / "model.safetensors", {"format": "pt"})
    else:
        model.save_pretrained(str(place))  # type: ignore[operator]  # PEFT's
