"""An adapter with its config: what it changes, and the tuned weights that it makes of a base, one at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.adapters.config import AdapterConfig
from analysis.adapters.makes import part_of
from analysis.adapters.names import AdaptedModule, factor, modules, shared_tensors
from analysis.checkpoint import OpenCheckpoint
from analysis.errors import AdapterError, EigenscopeError, MissingShard, NotFinite, SettingsError, escape

if TYPE_CHECKING:
    import torch

    import analysis.weight

# what lora.py multiplies; other tensors of its relatives served their training alone
MULTIPLIED = ("lora_A", "lora_B", "lora_E", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector")

# torch is imported where it is needed: opening a checkpoint asks this package, and the ingest child has no torch


@dataclass(frozen=True, slots=True)
class Tuned:
    """A weight after the adapter. `tensor`: as the base stores it, in float32 (float64 where the base is).

    `factors`: of the update, (out, in), scaling included, where it is known to have a low rank; a convolution's kernel
    positions lie side by side in the columns, as in `Weight.matrix`. None otherwise.
    """

    tensor: "torch.Tensor"
    factors: "analysis.weight.Factors | None" = None


@dataclass(frozen=True)
class Adapter:
    """A checkpoint that states how it changes another one."""

    checkpoint: OpenCheckpoint
    config: AdapterConfig
    modules: tuple[AdaptedModule, ...]
    shared: tuple[str, ...] = ()  # tensors that every module draws on

    @property
    def method(self) -> str:
        """As peft_type names it: "LORA"."""
        return self.config.method

    def tuned(self, module: AdaptedModule, info: "analysis.weight.TensorInfo", base: "torch.Tensor") -> Tuned:
        """The weight that the adapter makes of this tensor of the base, which `info` describes.

        A `whole` module's tensor comes with the rows that it has, which may be more than the base's (added tokens).
        Raises TensorError, naming the module, where they do not fit each other or hold NaN.
        """
        import torch

        base = base.to(torch.promote_types(base.dtype, torch.float32))
        if not module.tensors:
            return Tuned(base)
        state = self._state(module, base.dtype)
        if module.whole:
            return Tuned(_join_rows(module, info, next(iter(state.values()))))
        saved_base = state.pop(next((name for name in state if _is_base(name)), ""), None)
        start = base if saved_base is None else _common_rows(saved_base, base)
        with _name_errors(module):
            tensor, factors = self._merge(module, info, start, state)
        same = saved_base is None or torch.equal(start, base)
        label = f"the merged weight of {escape(module.module)}"
        return Tuned(_finite(tensor, label), factors if same else None)

    def _merge(
        self,
        module: AdaptedModule,
        info: "analysis.weight.TensorInfo",
        base: "torch.Tensor",
        state: "dict[str, torch.Tensor]",
    ) -> "tuple[torch.Tensor, analysis.weight.Factors | None]":
        from analysis.adapters import lora, single_file, skeleton, tokens

        rows = next((tensor for name, tensor in state.items() if "trainable_tokens_delta" in name.split(".")), None)
        if rows is not None:
            if len(state) > len(self.shared) + 1:
                raise AdapterError(f"{escape(module.module)}: both factors and trained tokens change it")
            return tokens.merge(self.config, module, base, rows)
        if module.experts:
            return lora.merge_expert(self.config, module, info, base, _parts(module, state))
        if self.config.is_delegated:
            return skeleton.merge(self.config, module, info, base, state), None
        if self.config.make != "PEFT" and "lora_alpha" not in self.config.settings:
            return single_file.merge(self.config, module, info, base, _foreign_parts(module, state))
        parts = _parts(module, state)
        return lora.merge(self.config, module, info, base, parts)

    def _state(self, module: AdaptedModule, dtype: "torch.dtype") -> "dict[str, torch.Tensor]":
        """The tensors of a module by name, and those that all share where there are any. Raises NotFinite."""
        names = module.tensors if module.whole else (*module.tensors, *self.shared)
        tensors = {name: self.checkpoint.read(name) for name in names}
        return {
            name: _finite(tensor.to(dtype) if tensor.is_floating_point() else tensor, f"{escape(name)} of the adapter")
            for name, tensor in tensors.items()
        }


def open_adapter(checkpoint: OpenCheckpoint) -> Adapter:
    """The adapter in a checkpoint that was opened with its adapter_config.json beside it.

    Raises MissingShard ("adapter-config") without one, and UnknownFormat ("adapter-method") where its method needs
    PEFT and PEFT is not installed.
    """
    config = getattr(checkpoint, "adapter", None)
    if config is None:
        raise MissingShard("this adapter has no adapter_config.json next to it: give it too", "adapter-config")
    if config.is_delegated:
        from analysis.adapters.skeleton import require

        require(config.method)
    names = [info.name for info in checkpoint.tensors]
    return Adapter(checkpoint, config, modules(names), shared_tensors(names))


def _join_rows(module: AdaptedModule, info: "analysis.weight.TensorInfo", tensor: "torch.Tensor") -> "torch.Tensor":
    if tuple(tensor.shape[1:]) != info.shape[1:] or tensor.ndim != len(info.shape):
        shapes = " and ".join(" × ".join(map(str, shape)) for shape in (tensor.shape, info.shape))
        raise AdapterError(f"{escape(module.name)}: the adapter's and the base's differ in shape: {shapes}")
    return tensor


def _parts(module: AdaptedModule, state: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The tensors of a module by what they are ("lora_A"); biases of the factors are no matrices."""
    parts: dict[str, torch.Tensor] = {}
    for name in module.tensors:
        words = name.split(".")
        place = factor(words)
        if place is None or words[place] not in MULTIPLIED or words[-1] == "bias":
            continue
        if words[place] in parts:
            raise SettingsError(f"{escape(module.module)}: {words[place]} appears twice, from two adapters in one file")
        parts[words[place]] = state[name]
    return parts


def _foreign_parts(module: AdaptedModule, state: "dict[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The same of an adapter that PEFT did not save."""
    parts: dict[str, torch.Tensor] = {}
    for name in module.tensors:
        part = part_of(name)
        if part is not None and part.what in parts:
            raise SettingsError(f"{escape(module.module)}: {part.what} appears twice, from two adapters in one file")
        if part is not None:
            parts[part.what] = state[name]
    return parts


def _is_base(name: str) -> bool:
    """Whether it is a weight of the base that was saved beside its factors, as PEFT does with embeddings."""
    return factor(name.split(".")) is None and name.endswith(".base_layer.weight")


def _common_rows(tensor: "torch.Tensor", base: "torch.Tensor") -> "torch.Tensor":
    """The rows that the base has, where tokens were added before the training."""
    return tensor[: len(base)]


def _finite(tensor: "torch.Tensor", what: str) -> "torch.Tensor":
    import torch

    if tensor.is_floating_point() and not torch.isfinite(tensor).all():
        wrong = int((~torch.isfinite(tensor)).sum())
        raise NotFinite(f"{what}: {wrong} of {tensor.numel()} values are NaN or infinite")
    return tensor


@contextmanager
def _name_errors(module: AdaptedModule) -> Iterator[None]:
    """Whatever goes wrong with one module is that module's error, and the others go on."""
    try:
        yield
    except (EigenscopeError, MemoryError, OSError):
        raise
    except Exception as error:
        raise AdapterError(f"{escape(module.module)}: the adapter does not fit the base: {escape(error)}") from error
