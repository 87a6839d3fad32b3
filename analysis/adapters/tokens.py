"""Trainable tokens: some rows of an embedding are new, the others are the base's."""

from collections.abc import Sequence

from analysis.adapters.config import AdapterConfig
from analysis.adapters.names import AdaptedModule
from analysis.errors import AdapterError, escape
from analysis.runtime.pytorch import Tensor, torch
from analysis.weight import Factors


def merge(config: AdapterConfig, module: AdaptedModule, base: Tensor, rows: Tensor) -> tuple[Tensor, Factors]:
    """The embedding with its trained rows, and the update as a product of as many directions as there are rows."""
    indices = _indices(config, module)
    if rows.shape != (len(indices), base.shape[1]):
        raise AdapterError(
            f"{escape(module.module)}: {' × '.join(map(str, rows.shape))} trained values for {len(indices)} tokens "
            f"of width {base.shape[1]}"
        )
    if max(indices) >= len(base):
        raise AdapterError(f"{escape(module.module)}: token {max(indices)} was trained; the base has {len(base)}")
    place = torch.tensor(indices)
    selection = torch.zeros(len(base), len(indices), dtype=base.dtype)
    selection[place, torch.arange(len(indices))] = 1
    return base.index_copy(0, place, rows), Factors(selection, rows - base[place])


def _indices(config: AdapterConfig, module: AdaptedModule) -> Sequence[int]:
    indices = config.settings.get("token_indices") or config.settings.get("trainable_token_indices")
    if isinstance(indices, dict):
        indices = next((rows for name, rows in indices.items() if _is_named(name, module.module)), None)
    if not isinstance(indices, list) or not indices or len(set(map(str, indices))) != len(indices):
        raise AdapterError(f"{escape(module.module)}: adapter_config.json does not list the tokens that were trained")
    if not all(isinstance(index, int) and not isinstance(index, bool) and index >= 0 for index in indices):
        raise AdapterError(f"{escape(module.module)}: its trained tokens are not a list of indices")
    return indices


def _is_named(name: str, module: str) -> bool:
    return module == name or module.endswith(f".{name}")
