"""Where the numbers are crunched: CUDA when there is one, the CPU when there is none or its memory runs out."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from analysis.weight import Weight

Result = TypeVar("Result")


def best_device() -> str:
    """CUDA ("cuda") where PyTorch sees a usable GPU, else "cpu"; Apple's has no float64 and is no candidate."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def on_device(device: str, weight: Weight, run: Callable[[Weight], Result]) -> Result:
    """`run` on the weight moved to the device; on the CPU instead when the device's memory runs out."""
    if device == "cpu":
        return run(weight)
    try:
        return run(replace(weight, slices=weight.slices.to(device)))
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
    return run(weight)
