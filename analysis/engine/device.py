"""Where the numbers are computed: CUDA when there is one, the CPU when there is none or its memory runs out."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from analysis.errors import OptionError
from analysis.runtime.pytorch import is_loaded, torch
from analysis.weight import Factors, Weight

Result = TypeVar("Result")


DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")  # NVIDIA's on Linux, Windows's for Linux, AMD's


def best_device() -> str:
    """CUDA ("cuda") where PyTorch sees a usable GPU, else "cpu"; Apple's has no float64 and is no candidate.

    Without a driver PyTorch is not imported to say so.
    """
    return "cuda" if may_have_gpu() and torch.cuda.is_available() else "cpu"


def may_have_gpu() -> bool:
    """Whether there is a driver of a GPU, or PyTorch is there already and may be asked."""
    return is_loaded() or sys.platform == "win32" or any(map(os.path.exists, DRIVERS))


def check_device(name: str) -> str:
    """The device's name if there is one: "cpu", or "cuda" with or without a number. Raises OptionError."""
    if name == "cpu":
        return name
    try:
        kind, number = torch.device(name).type, torch.device(name).index or 0
    except RuntimeError:
        kind, number = "", 0
    if kind not in ("cpu", "cuda"):
        raise OptionError(f"there is no device {name[:40]!r}: say cpu, cuda, or one of several as cuda:1")
    if kind == "cuda" and number >= torch.cuda.device_count():
        raise OptionError(f"PyTorch sees {torch.cuda.device_count()} CUDA devices here, and no {name!r}: say cpu")
    return kind if kind == "cpu" else name


def on_device(device: str, weight: Weight, run: Callable[[Weight], Result]) -> Result:
    """`run` on the weight moved to the device; on the CPU instead when the device's memory runs out."""
    if device == "cpu":
        return run(weight)
    try:
        device_weight = replace(weight, numbers=weight.slices.to(device))
        vars(device_weight)["array"] = weight.array  # which needs not come back
        if "spectrum" in vars(weight):  # found already, with others of its shape
            vars(device_weight)["spectrum"] = weight.spectrum
        return run(device_weight)
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
    return run(weight)


def on_devices(
    device: str, weights: Mapping[int, Weight | str], run: Callable[[Mapping[int, Weight | str]], Result]
) -> Result:
    """The same for weights that belong together, number 0 the base of the others; the rest are reasons for none."""
    if device == "cpu":
        return run(weights)
    try:
        return run(_move_weights(device, weights))
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
    return run(weights)


def _move_weights(device: str, weights: Mapping[int, Weight | str]) -> dict[int, Weight | str]:
    copies: dict[int, Weight | str] = {}
    for number, weight in weights.items():
        if isinstance(weight, str):
            copies[number] = weight
            continue
        base = copies[0] if number else None
        factors = weight.factors and Factors(weight.factors.left.to(device), weight.factors.right.to(device))
        slices = weight.slices.to(device)
        copies[number] = replace(
            weight, numbers=slices, base=base if isinstance(base, Weight) else None, factors=factors
        )
    return copies
