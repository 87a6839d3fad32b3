"""What is recognised in a file: a weight that its tensors make up, and tensors that only serve another one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from analysis.formats.stored import Array as Stored

Tensors = Mapping[str, Stored]
Settings = Mapping[str, Any]  # what config.json says of the quantisation; hostile, and looked at with care
Array = NDArray[Any]
Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Effective:
    """A weight as the model uses it. It is listed under `tensor`, its main part in the file."""

    tensor: str
    weight: str  # its own name: "layers.0.q.weight" of "layers.0.q.qweight"
    shape: tuple[int, ...]
    parts: Mapping[str, str]  # what the formula calls a part → its name in the file
    formula: str  # a key of FORMULAS in recognition.py
    how: str  # in words: "GPTQ, 4 bits, groups of 128"
    numbers: Numbers = field(default_factory=dict)  # sizes that the formula needs
    reasons: Mapping[str, str] = field(default_factory=dict)  # the other parts → why none is analysed by itself
    quantised: bool = False


@dataclass(frozen=True, slots=True)
class Recognised:
    """All that was recognised in a checkpoint, by stored names."""

    weights: Mapping[str, Effective] = field(default_factory=dict)
    left: Mapping[str, str] = field(
        default_factory=dict
    )  # stored tensors that are no weight by themselves → the reason


@dataclass(frozen=True, slots=True)
class Formula:
    """How the values come out of the parts; `step` is the grid's, for each entry or each group of them."""

    values: Callable[[Effective, "Parts"], Array]
    step: Callable[[Effective, "Parts"], Array] | None = None


Parts = Callable[[str], Array]  # reads a part: numbers in float32 (float64 as they are), codes as they are stored
