"""A little base and what was trained from it, for tests: a LoRA adapter, and a full fine-tune with more words."""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

State = dict[str, Tensor]
WIDTH, WORDS, BLOCKS, RANK = 24, 40, 2, 3
EMBEDDING = "embeddings.word_embeddings.weight"
QUERY = "encoder.layer.0.attention.self.query.weight"
UP = "encoder.layer.0.intermediate.dense.weight"
LEFT_OUT = "encoder.layer.0.attention.self.query.bias"
Files = dict[str, bytes]


def base() -> State:
    random = torch.Generator().manual_seed(0)
    found = {EMBEDDING: torch.randn(WORDS, WIDTH, generator=random)}
    for layer in range(BLOCKS):
        place = f"encoder.layer.{layer}"
        found[f"{place}.attention.self.query.weight"] = torch.randn(WIDTH, WIDTH, generator=random)
        found[f"{place}.attention.self.query.bias"] = torch.randn(WIDTH, generator=random)
        found[f"{place}.intermediate.dense.weight"] = torch.randn(2 * WIDTH, WIDTH, generator=random)
    return found


def full() -> State:
    """Behind a prefix, with three words more, and a head of its own."""
    random = torch.Generator().manual_seed(1)
    found = {
        f"bert.{name}": value + 0.02 * torch.randn(value.shape, generator=random) for name, value in base().items()
    }
    added = torch.randn(3, WIDTH, generator=random)
    found[f"bert.{EMBEDDING}"] = torch.cat([found[f"bert.{EMBEDDING}"], added])
    found["classifier.weight"] = torch.randn(2, WIDTH, generator=random)
    return found


def factors(blocks: int = BLOCKS) -> State:
    """A LoRA adapter on the queries, of alpha 2 RANK."""
    random = torch.Generator().manual_seed(2)
    found: State = {}
    for layer in range(blocks):
        place = f"base_model.model.bert.encoder.layer.{layer}.attention.self.query"
        found[f"{place}.lora_A.weight"] = torch.randn(RANK, WIDTH, generator=random) / WIDTH**0.5
        found[f"{place}.lora_B.weight"] = torch.randn(WIDTH, RANK, generator=random) / 8
    return found


def merged(state: Mapping[str, Tensor]) -> State:
    """The base with the adapter's factors multiplied and added by hand: W0 + 2 B A."""
    found = base()
    for name in state:
        if name.endswith("lora_A.weight"):
            other = name.replace("lora_A", "lora_B")
            place = name.removeprefix("base_model.model.bert.").replace(".lora_A", "")
            found[place] = found[place] + 2.0 * state[other] @ state[name]
    return found


def config(**changes: object) -> bytes:
    said = {"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK, "target_modules": ["query"], **changes}
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


def adapter(state: Mapping[str, Tensor] | None = None, **changes: object) -> Files:
    """The two files of a PEFT folder."""
    tensors = factors() if state is None else dict(state)
    return {"adapter_model.safetensors": save(tensors), "adapter_config.json": config(**changes)}


def model(state: Mapping[str, Tensor]) -> Files:
    return {"model.safetensors": save(dict(state))}


def write(folder: Path, **checkpoints: Files) -> list[Path]:
    """Each checkpoint as a folder of its name."""
    for name, files in checkpoints.items():
        (folder / name).mkdir(parents=True)
        for file, content in files.items():
            (folder / name / file).write_bytes(content)
    return [folder / name for name in checkpoints]
