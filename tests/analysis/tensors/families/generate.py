"""Writes the names, shapes and roles of the tensors of a library's models.

    python -m tests.analysis.tensors.families.generate timm vit_tiny_patch16_224 resnet18 > timm.txt

Needs the library (timm, torchvision, diffusers or transformers), which the tests do without. The models are built on
the device "meta": nothing is downloaded. Read what comes out before it is kept: it says what `describe` says.
"""

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from typing import Any

import torch

from analysis.tensors.matrices import Header, describe
from tests.analysis.tensors.families import Item, Shape, text_of

FEWEST = 2  # experts that are kept of many


def shapes_of(model: Any) -> dict[str, Shape]:
    """What a model's state dict holds of more than one dimension, without the third and later experts."""
    held = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    late = re.compile(rf"experts\.(?:[{FEWEST}-9]|\d\d+)\.")
    return {name: shape for name, shape in held.items() if len(shape) > 1 and not late.search(name)}


def transformer(name: str) -> Any:
    transformers = import_module("transformers")
    config = transformers.CONFIG_MAPPING[name]()
    for kind in ("CausalLM", "Seq2SeqLM", "ImageTextToText", "MaskedLM", "ImageClassification", "CTC", ""):
        auto = getattr(transformers, f"AutoModelFor{kind}" if kind else "AutoModel")
        if type(config) in auto._model_mapping:
            return auto.from_config(config)
    raise ValueError(f"{name} is built by no AutoModel")


def vision(name: str) -> Any:
    models = import_module("torchvision.models")
    backbone = "weights_backbone" in signature(models.get_model_builder(name)).parameters
    return models.get_model(name, weights=None, **({"weights_backbone": None} if backbone else {}))


BUILD: Mapping[str, Callable[[str], Any]] = {
    "transformers": transformer,
    "timm": lambda name: import_module("timm").create_model(name, pretrained=False),
    "torchvision": vision,
    "diffusers": lambda name: getattr(import_module("diffusers"), name)(),
}


def items_of(shapes: Mapping[str, Shape]) -> list[Item]:
    """What `describe` says of the tensors that hold matrices."""
    infos = describe({name: Header(shape, "float32", 0) for name, shape in shapes.items()})
    if any(info.skip for info in infos):
        return items_of({info.name: info.shape for info in infos if info.skip is None})
    return [(info.name, info.shape, info.role, info.where) for info in infos]


def main() -> None:
    library, *models = sys.argv[1:]
    found = {}
    for name in models:
        with torch.device("meta"):
            found[name] = items_of(shapes_of(BUILD[library](name)))
    sys.stdout.write(text_of(found))


if __name__ == "__main__":
    main()
