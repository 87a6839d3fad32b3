"""The updates whose ranks are chosen, one module at a time: of a LoRA adapter, or of a base and its fine-tune.

An adapter's update s·B·A is decomposed by its factors and never formed; it needs no base. Any other update is the
difference of two matrices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.adapters import AdaptedModule, Adapter, makes, open_adapter
from analysis.adapters.lora import scaling
from analysis.adapters.names import factor
from analysis.checkpoint import OpenCheckpoint
from analysis.engine.comparison import Comparison, open_comparison, read_held
from analysis.errors import AdapterError, NotFinite, PackedWeights, WrongBase, escape
from analysis.linalg import rounding
from analysis.linalg.triplets import Triplets, finite, product_triplets, triplets
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import module_of
from analysis.runtime.pytorch import Tensor, torch
from analysis.tensors.matching import Aligned, check_base
from analysis.weight import TensorInfo

SHIFTED = ("pissa", "olora")  # inits whose factors began as parts of the base, which PEFT takes out again
WIDE = ("embedding", "position")


@dataclass(frozen=True)
class Update:
    """One module's update. `read` gives its triplets and the singular value that rounding alone may reach."""

    name: str  # of the tensor that it changes
    module: str  # PEFT's name of the module
    rows: int
    columns: int
    read: Callable[[], tuple[Triplets, float]]
    rank: int | None = None  # that the adapter has now
    A: str = ""  # the names of its factors in the adapter's file
    B: str = ""
    alpha: str = ""
    transposed: bool = False  # the base stores it (in, out)
    kernel: tuple[int, ...] = ()  # of a convolution


@dataclass(frozen=True)
class Updates:
    """All updates, and what is copied or left out."""

    updates: tuple[Update, ...]
    adapter: Adapter | None = None  # whose files are written again
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def open_updates(members: Members) -> Updates:
    """Of an adapter alone or with its base, or of a base and a tuned model. Raises what opening and matching raise."""
    checkpoints = members.checkpoints
    run = None
    if len(checkpoints) > 1:
        run = open_comparison(checkpoints, members.names, ())
        check_base(run.alignment, members.names)
    last = checkpoints[-1]
    if last.kind == "adapter":
        adapter = run.adapters[1] if run else open_adapter(last)
        reason = why_not_plain(adapter)
        if reason is None:
            return of_adapter(adapter, run)
        if run is None:
            raise WrongBase(
                f"{reason}, so that its update is known with its base only: give the base first", "adapter-alone"
            )
    if run is None:
        raise WrongBase(
            "this is a whole model, and the rank is of what training changed: give its base first", "wrong-base"
        )
    return of_difference(run)


def why_not_plain(adapter: Adapter) -> str | None:
    """Why the update of some module is no product of its own A and B; None where each is one."""
    settings = adapter.config.settings
    if adapter.method != "LORA" or adapter.config.is_delegated:
        return f"{escape(adapter.method)} is not plain LoRA"
    if str(adapter.config.init).lower().startswith(SHIFTED):
        return f"its factors began as parts of the base (init_lora_weights {escape(settings.get('init_lora_weights'))})"
    for module in adapter.modules:
        if module.experts or module.level:
            return f"{escape(module.module)} has the factors of several experts in one tensor"
        if not module.whole and set(_parts(module)) - {"lora_A", "lora_B", "alpha", "lora_magnitude_vector"}:
            return f"{escape(module.module)} is not plain LoRA"
    return None


def _parts(module: AdaptedModule) -> dict[str, str]:
    """What each tensor of a module is, embeddings' factors as any others: "lora_A" → its name in the file."""
    by_part: dict[str, str] = {}
    for name in module.tensors:
        words, part = name.split("."), makes.part_of(name)
        place = factor(words)
        if words[-1] == "bias" or name.endswith(".base_layer.weight"):
            continue
        what = words[place] if place is not None else part.what if part is not None else name
        by_part[what.replace("lora_embedding_", "lora_")] = name
    return by_part


def of_adapter(adapter: Adapter, run: Comparison | None) -> Updates:
    """Every module with factors. Raises AdapterError where one of the two is missing."""
    partners = (
        {partner.tensors: row.base.name for row in run.alignment.rows if (partner := row.partners[0])} if run else {}
    )
    updates, skip_notes = [], []
    for module in adapter.modules:
        if module.whole:
            skip_notes.append(f"{escape(module.name)}: a whole parameter, copied as it is")
        else:
            updates.append(_of_module(adapter, module, partners.get(module.tensors, module.name)))
    dora = any(
        name.endswith(("lora_magnitude_vector", "lora_magnitude_vector.weight"))
        for m in adapter.modules
        for name in m.tensors
    )
    notes = ("DoRA: the LoRA part alone is resized, and the magnitudes are kept.",) if dora else ()
    return Updates(tuple(updates), adapter, tuple(skip_notes), notes)


def _of_module(adapter: Adapter, module: AdaptedModule, name: str) -> Update:
    parts = _parts(module)
    A, B = parts.get("lora_A"), parts.get("lora_B")
    if A is None or B is None:
        raise AdapterError(f"{escape(module.module)}: lora_{'B' if A else 'A'} is missing. Save the adapter again.")
    shapes = {info.name: info.shape for info in adapter.checkpoint.tensors}
    rank, rows, columns = shapes[A][0], shapes[B][0], int(torch.Size(shapes[A][1:]).numel())
    if rank != shapes[B][1]:
        raise AdapterError(f"{escape(module.module)}: A has rank {rank} and B has rank {shapes[B][1]}")

    def read() -> tuple[Triplets, float]:
        left, right = _read(adapter.checkpoint, B), _read(adapter.checkpoint, A)
        times = _scaling(adapter, module, parts, rank)
        return product_triplets(times * left.flatten(1), right.flatten(1)), 0.0

    return Update(name, module.module, rows, columns, read, rank, A, B, parts.get("alpha", ""))


def _scaling(adapter: Adapter, module: AdaptedModule, parts: Mapping[str, str], rank: int) -> float:
    if adapter.config.make == "PEFT":
        return scaling(adapter.config, module.module, rank)
    if "alpha" in parts:
        return float(adapter.checkpoint.read(parts["alpha"]).double().flatten()[0]) / rank
    if "lora_alpha" in adapter.config.settings:
        return scaling(adapter.config, module.module, rank)
    return 1.0


def _read(checkpoint: OpenCheckpoint, name: str) -> Tensor:
    tensor = checkpoint.read(name)
    if not tensor.is_floating_point():
        raise PackedWeights(f"{escape(name)} is stored as {tensor.dtype}, which holds codes and no values")
    tensor = tensor.double()
    if not torch.isfinite(tensor).all():
        wrong = int((~torch.isfinite(tensor)).sum())
        raise NotFinite(f"{escape(name)}: {wrong} of {tensor.numel()} values are NaN or infinite")
    return tensor


def of_difference(run: Comparison) -> Updates:
    """Every matrix that both have. Embeddings are left out: few tools read LoRA of them."""
    updates, skip_notes = [], []
    for row in run.alignment.rows:
        info, partner = row.base, row.partners[0]
        if partner is None or info.role in WIDE or len(info.shape) not in (2, 4, 5):
            reason = "the tuned checkpoint lacks it" if partner is None else "no linear layer or convolution"
            skip_notes.append(f"{escape(info.name)}: {reason}, left as the base has it")
            continue
        updates.append(_of_pair(run, row))
    return Updates(tuple(updates), None, tuple(skip_notes))


def _of_pair(run: Comparison, row: Aligned) -> Update:
    info = row.base
    shape = info.shape[::-1] if info.transposed and len(info.shape) == 2 else info.shape
    columns = int(torch.Size(shape[1:]).numel())

    def read() -> tuple[Triplets, float]:
        base = run.checkpoints[0].read(info.name)
        tuned_weight = read_held(run, row, 1, base)
        if isinstance(tuned_weight, str):
            raise AdapterError(f"{escape(info.name)}: {tuned_weight}")
        one, two = (_as_matrix(tensor, info) for tensor in (base, tuned_weight.tensor))
        finite(one)
        finite(two)
        return triplets(two.double() - one.double()), max(map(rounding.floor, (one, two)))

    kernel = tuple(info.shape[2:])
    return Update(info.name, module_of(info.name), shape[0], columns, read, transposed=info.transposed, kernel=kernel)


def _as_matrix(tensor: Tensor, info: TensorInfo) -> Tensor:
    if not tensor.is_floating_point():
        raise PackedWeights(
            f"{escape(info.name)} is stored as {tensor.dtype}: give the weights that it was quantised from"
        )
    return tensor.mT if info.transposed and tensor.ndim == 2 else tensor.flatten(1)


def settings_of(updates: Updates) -> dict[str, Any]:
    """The settings of the adapter that is written again, or of a new one."""
    if updates.adapter is not None:
        return dict(updates.adapter.config.settings)
    count = sum(update.transposed for update in updates.updates)
    return {
        "peft_type": "LORA", "task_type": None, "base_model_name_or_path": None, "bias": "none", "lora_dropout": 0.0,
        "fan_in_fan_out": 2 * count > len(updates.updates), "inference_mode": True, "init_lora_weights": True,
        "modules_to_save": None, "use_dora": False,
    }  # fmt: skip
