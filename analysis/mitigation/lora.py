"""A module of a LoRA adapter opened for mitigation: its A and B as an update of the base's matrix, and back again.

The update of a matrix (m, n) is left · right with the scaling in it. In the file lie A (r, n) and B (m, r) without it;
of an embedding of v rows and width d, A (r, v) and B (d, r), whose product is turned over; of a convolution, A
(r, in, *kernel) and B (m, r, 1, …). Sources: peft.tuners.lora.layer and peft.tuners.lora.config (PEFT 0.21).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.adapters import AdaptedModule, Adapter, AdapterConfig
from analysis.adapters.lora import scaling, stored_inputs_first
from analysis.adapters.names import factor
from analysis.checkpoint import OpenCheckpoint
from analysis.errors import AdapterError, NoAdapterForm, escape
from analysis.mitigation.formula import Truncated, distance, total, truncate
from analysis.runtime.pytorch import Tensor, torch
from analysis.weight import Factors, TensorInfo

FACTORS = frozenset({"lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"})
STARTS = ("pissa", "olora")  # inits that take their start out of the base
WIDEST = ("float64", "float32", "bfloat16", "float16")


def check_form(adapter: Adapter) -> None:
    """Raises NoAdapterForm, with the reason, where the mitigated update is no plain LoRA on the same base."""
    if adapter.method != "LORA":
        raise _refusal(f"{escape(adapter.method)} is not LoRA: its update has no A and B that could be replaced")
    if adapter.config.flag("use_dora"):
        raise _refusal("DoRA gives each output a length of its own, so that its update has no low rank")
    if str(adapter.config.init).lower() in STARTS:
        start = escape(adapter.config.init)
        raise _refusal(
            f"its factors began as parts of the base (init_lora_weights {start}), which PEFT takes out again"
        )
    for module in adapter.modules:
        if module.level or module.module.endswith(".experts"):
            raise _refusal(f"{escape(module.module)} has the factors of all experts in one tensor")
        if not module.whole and any(factor(name.split(".")) is None for name in module.tensors):
            raise _refusal(f"it brings a base of its own for {escape(module.module)}")


def _refusal(why: str) -> NoAdapterForm:
    return NoAdapterForm(f"the mitigated update cannot be written as a LoRA adapter: {why}. Choose the form “weights”.")


@dataclass(frozen=True)
class LoraModule:
    """A's and B's names and values in the file, and how their product lies on the matrix of the base."""

    module: AdaptedModule
    A: tuple[str, Tensor]
    B: tuple[str, Tensor]
    scaling: float
    turned: bool  # the base's matrix is (B A)ᵀ

    @property
    def rank(self) -> int:
        return self.A[1].shape[0]

    @property
    def update(self) -> Factors:
        """ΔW in float64, as the base's matrix lies."""
        left, right = self.scaling * self.B[1].double().flatten(1), self.A[1].double().flatten(1)
        return Factors(right.mT, left.mT) if self.turned else Factors(left, right)

    def mitigate(self, change: Factors, rank: int) -> tuple[dict[str, Tensor], Truncated]:
        """The tensors of ΔW + change at this rank, by their names, as the file keeps them, and what that lost.

        What the file's dtype rounds off is part of the loss.
        `change` may have fewer rows than ΔW: those that the base has, where tokens were added.
        """
        update = self.update
        missing = len(update.left) - len(change.left)
        change = Factors(torch.nn.functional.pad(change.left, (0, 0, 0, missing)), change.right)
        whole = total(update, change)
        result = truncate(whole, rank)
        left, right = result.factors.left, result.factors.right
        if self.turned:
            left, right = right.mT, left.mT
        root = math.sqrt(abs(self.scaling))  # shared as σ is: B carries the sign
        A, B = right / root, left * (math.copysign(1.0, self.scaling) / root)
        new = {self.A[0]: self._like(self.A[1], A, rank, 0), self.B[0]: self._like(self.B[1], B, rank, 1)}
        written = replace(self, A=(self.A[0], new[self.A[0]]), B=(self.B[0], new[self.B[0]])).update
        return new, replace(result, kept=result.energy - distance(whole, written))

    def _like(self, old: Tensor, new: Tensor, rank: int, axis: int) -> Tensor:
        shape = list(old.shape)
        shape[axis] = rank
        return new.reshape(shape).to(getattr(torch, self.dtype)).contiguous()

    @property
    def dtype(self) -> str:
        """The wider of the two."""
        return min((str(t.dtype).removeprefix("torch.") for _, t in (self.A, self.B)), key=WIDEST.index)


def open_module(adapter: Adapter, module: AdaptedModule, info: TensorInfo) -> LoraModule:
    """The module's factors, over the tensor of the base that `info` describes. Raises AdapterError."""
    parts = factor_names(module)
    A, B = (next((name for what, name in parts.items() if what.endswith(side)), None) for side in ("_A", "_B"))
    if A is None or B is None:
        raise AdapterError(f"{escape(module.module)}: lora_{'B' if A else 'A'} is missing. Save the adapter again.")
    tensors = {name: _read(adapter.checkpoint, name) for name in (A, B)}
    product = len(tensors[B]), math.prod(tensors[A].shape[1:])
    is_transposed = _is_transposed(product, info, adapter.config, embedding="lora_embedding_A" in parts)
    multiplier = scaling(adapter.config, module.module, len(tensors[A]))
    if multiplier == 0.0:
        raise AdapterError(f"{escape(module.module)}: its alpha is 0, so that no A and B make an update")
    return LoraModule(module, (A, tensors[A]), (B, tensors[B]), multiplier, is_transposed)


def factor_names(module: AdaptedModule) -> dict[str, str]:
    """What is a factor of the update → its name in the file. Biases of factors are none."""
    by_kind = {}
    for name in module.tensors:
        words = name.split(".")
        place = factor(words)
        if place is not None and words[place] in FACTORS and words[-1] != "bias":
            by_kind[words[place]] = name
    return by_kind


def _read(checkpoint: OpenCheckpoint, name: str) -> Tensor:
    tensor = checkpoint.read(name)
    if str(tensor.dtype).removeprefix("torch.") not in WIDEST:
        raise AdapterError(f"{escape(name)} is stored as {tensor.dtype}, which cannot be mitigated")
    return tensor


def _is_transposed(product: tuple[int, int], info: TensorInfo, config: AdapterConfig, embedding: bool) -> bool:
    """Whether the base's matrix, outputs by inputs, is the transpose of B · A."""
    if embedding:
        return True
    rows, columns = info.shape[0], math.prod(info.shape[1:])
    if info.transposed:
        rows, columns = columns, rows
    if rows == columns:
        return stored_inputs_first(config, info) and not info.transposed
    return product == (columns, rows)


def with_ranks(config: AdapterConfig, raised: Sequence[tuple[LoraModule, int]]) -> dict[str, Any]:
    """The settings of adapter_config.json with the modules' new ranks, and an alpha that leaves their scaling as it is.

    The keys of PEFT's patterns are regular expressions, and the first that fits counts: so ours come first.
    """
    settings: dict[str, Any] = dict(config.settings)
    if not raised:
        return settings
    ranks = {_key(module): rank for module, rank in raised}
    root = config.flag("use_rslora")
    alphas = {_key(module): module.scaling * (math.sqrt(rank) if root else rank) for module, rank in raised}
    return settings | {
        "rank_pattern": {**ranks, **_other_patterns(config.pattern("rank_pattern"), ranks)},
        "alpha_pattern": {**alphas, **_other_patterns(config.pattern("alpha_pattern"), alphas)},
    }


def _key(module: LoraModule) -> str:
    return f"^{re.escape(module.module.module)}"


def _other_patterns(pattern: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in pattern.items() if key not in ours}
