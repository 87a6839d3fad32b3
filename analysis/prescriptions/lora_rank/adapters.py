"""The adapter with its new ranks: as PEFT reads it, or, where the source is kohya's, under the keys of the source.

B' = U_k √S_k and A' = √S_k V_kᵀ, and alpha is the rank, so that nothing else scales them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from analysis.adapters.config import NAME as CONFIG
from analysis.adapters.names import PREFIX
from analysis.linalg.triplets import Triplets
from analysis.prescriptions.lora_rank.patterns import ranks_as_settings
from analysis.prescriptions.lora_rank.updates import Update, Updates, settings_of
from analysis.runtime.pytorch import Tensor, torch

PEFT_FILE = "adapter_model.safetensors"
FOREIGN_FILE = "lora.safetensors"


def write_adapter(updates: Updates, ranks: Mapping[str, int], folder: Path) -> None:
    """Writes the folder `adapter` with its config, or for an adapter that PEFT did not save, one file."""
    from safetensors.torch import save_file  # imports torch

    target = folder / "adapter"
    target.mkdir(parents=True, exist_ok=True)
    tensors = dict(_tensors(updates, ranks))
    if is_foreign(updates):
        save_file(
            tensors, target / FOREIGN_FILE, {"format": "pt", "ss_network_dim": "Dynamic", "ss_network_alpha": "Dynamic"}
        )
        return
    save_file(tensors, target / PEFT_FILE, {"format": "pt"})
    by_module = {update.module: ranks[update.name] for update in updates.updates}
    settings = settings_of(updates) | ranks_as_settings(by_module)
    (target / CONFIG).write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def is_foreign(updates: Updates) -> bool:
    """Whether the keys of the source are kept, as sd-scripts, ComfyUI and diffusers read them."""
    return updates.adapter is not None and updates.adapter.config.make != "PEFT"


def _tensors(updates: Updates, ranks: Mapping[str, int]) -> Iterator[tuple[str, Tensor]]:
    for update in updates.updates:
        if ranks[update.name]:
            yield from _of_update(updates, update, ranks[update.name])
    if updates.adapter is None:
        return
    for module in updates.adapter.modules:
        done_names = {name for u in updates.updates if u.module == module.module for name in (u.A, u.B, u.alpha)}
        is_dropped = not module.whole and not any(ranks[u.name] for u in updates.updates if u.A in module.tensors)
        for name in () if is_dropped else module.tensors:
            if name not in done_names:
                yield name, updates.adapter.checkpoint.read(name)


def _of_update(updates: Updates, update: Update, rank: int) -> Iterator[tuple[str, Tensor]]:
    A, B = factors(update.read()[0], rank)
    if updates.adapter is None:
        start = f"{PREFIX}{update.module}."
        shape = (rank, update.columns // max(1, torch.Size(update.kernel).numel()), *update.kernel)
        yield (
            f"{start}lora_A.weight",
            A.float().reshape(shape if update.kernel else (rank, update.columns)).contiguous(),
        )
        ones = (1,) * len(update.kernel)
        yield f"{start}lora_B.weight", B.float().reshape(update.rows, rank, *ones).contiguous()
        return
    old = {name: updates.adapter.checkpoint.read(name) for name in (update.A, update.B)}
    dtype = torch.promote_types(old[update.A].dtype, old[update.B].dtype)
    yield update.A, A.reshape(rank, *old[update.A].shape[1:]).to(dtype).contiguous()
    yield update.B, B.reshape(update.rows, rank, *old[update.B].shape[2:]).to(dtype).contiguous()
    if is_foreign(updates):
        yield _alpha_name(update), torch.tensor(float(rank))


def _alpha_name(update: Update) -> str:
    if update.alpha:
        return update.alpha
    for end in (".lora_down.weight", ".lora.down.weight", ".lora_A.weight"):
        if update.A.endswith(end):
            return update.A.removesuffix(end) + ".alpha"
    return f"{update.module}.alpha"


def factors(found: Triplets, rank: int) -> tuple[Tensor, Tensor]:
    """A' (k, n) and B' (m, k) of the strongest k directions; further ones than there are, are zero."""
    first = found.first(rank)
    roots = first.values.sqrt()
    missing = rank - len(roots)
    A = torch.nn.functional.pad((first.right * roots).mT, (0, 0, 0, missing))
    return A, torch.nn.functional.pad(first.left * roots, (0, missing))
