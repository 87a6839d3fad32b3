"""What a mitigation writes: a LoRA adapter again, or whole tensors in place of the base's.

A form lists its jobs, a few tensors each, and writes one at a time, so that memory holds one tensor of the model. What
has no intruder is copied bit for bit where it lies in the tuned checkpoint's own files.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from analysis.adapters import AdaptedModule, Adapter
from analysis.adapters.config import NAME as CONFIG
from analysis.adapters.names import PREFIX
from analysis.engine.comparison import Comparison, read_held
from analysis.errors import MitigationError, escape
from analysis.formats import Checkpoint
from analysis.formats.dtypes import DTYPES
from analysis.formats.writer import Writer
from analysis.layout import Layout
from analysis.mitigation.intruding import Intruding
from analysis.mitigation.lora import LoraModule, check_form, open_module, with_ranks
from analysis.mitigation.options import MitigationOptions
from analysis.mitigation.report import Energy
from analysis.runtime.arrays import as_array
from analysis.runtime.pytorch import Tensor, torch
from analysis.tensors.matching import Aligned
from analysis.tensors.matrices import outputs, weights
from analysis.weight import Factors, TensorInfo


@dataclass(frozen=True)
class Job:
    """Tensors that are written together: their names with how many dimensions each has, and their widest dtype."""

    names: Mapping[str, int]
    dtype: str
    aligned: Aligned | None = None  # the base's tensor that they say something about
    module: AdaptedModule | None = None


@runtime_checkable
class Form(Protocol):
    """One way to write the result."""

    name: str
    file: str
    left_out: list[str]

    def jobs(self) -> Iterable[Job]: ...
    def write(self, writer: Writer, job: Job, found: Sequence[Intruding]) -> Energy | None: ...
    def finish(self, folder: Path) -> None: ...


def form_of(comparison: Comparison, tuned: Checkpoint, recipe: MitigationOptions) -> Form:
    """The form that the recipe asks for. Raises NoAdapterForm where the tuned checkpoint cannot have it."""
    _check_layout(comparison)
    adapter = comparison.adapters.get(1)
    if recipe.form == "adapter" and adapter is None:
        raise MitigationError(
            f"{escape(comparison.names[1])} is a whole model, so the output cannot be an adapter. Ask for the form "
            "“weights”."
        )
    if adapter is not None and recipe.form != "weights":
        try:
            check_form(adapter)
        except MitigationError:
            if recipe.form == "adapter":
                raise
        else:
            return AdapterForm(comparison, adapter, tuned, recipe)
    return WeightsForm(comparison, tuned) if adapter is None else MergedForm(comparison, adapter, tuned)


def _check_layout(comparison: Comparison) -> None:
    """Raises MitigationError where a tensor of the tuned checkpoint is not stored as a weight to be replaced."""
    for row in comparison.alignment.rows:
        partner = row.partners[0]
        if partner is None or (partner.whole and not (isinstance(partner.source, TensorInfo) and partner.source.made)):
            continue
        what = partner.source.made if isinstance(partner.source, TensorInfo) and partner.whole else "stored otherwise"
        raise MitigationError(
            f"{escape(partner.tensors[0])} of {escape(comparison.names[1])} cannot be written anew: {what}. Give it as "
            "plain weights, in the layout of its base."
        )


@dataclass
class AdapterForm:
    """The adapter's files again, A and B of the mitigated modules in the place of the old ones."""

    comparison: Comparison
    adapter: Adapter
    tuned: Checkpoint
    recipe: MitigationOptions
    raised: list[tuple[LoraModule, int]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    name = "adapter"
    file = "adapter_model.safetensors"

    def jobs(self) -> Iterator[Job]:
        rows = {row.partners[0].tensors: row for row in self.comparison.alignment.rows if row.partners[0] is not None}
        for module in self.adapter.modules:
            arrays = {name: self.tuned.stored[name] for name in module.tensors}
            widest = max((t.dtype for t in arrays.values()), key=_bits)
            names = {name: len(t.shape) for name, t in arrays.items()}
            yield Job(names, widest, rows.get(module.tensors), module)

    def write(self, writer: Writer, job: Job, found: Sequence[Intruding]) -> Energy | None:
        new: dict[str, Tensor] = {}
        energy = None
        assert job.module is not None
        if job.aligned is not None and any(entry.change for entry in found):
            if job.module.whole:
                new = {
                    name: _make_whole(self.comparison, job.aligned, found, self.tuned.stored[name].dtype)
                    for name in job.names
                }
            else:
                new, energy = self._factors(job.module, job.aligned.base, found)
        for name in sorted(job.names, key=lambda name: -_bits(self.tuned.stored[name].dtype)):
            if name in new:
                writer.add(name, new[name])
            else:
                writer.copy(name, self.tuned.stored[name])
        return energy

    def _factors(
        self, module: AdaptedModule, info: TensorInfo, found: Sequence[Intruding]
    ) -> tuple[dict[str, Tensor], Energy]:
        lora_module = open_module(self.adapter, module, info)
        change = join_changes(info, [(entry.weight.rows, entry.change) for entry in found])
        max_rank = lora_module.rank + change.left.shape[1]
        rank = min(max(self.recipe.rank or 0, lora_module.rank), max_rank)
        new, result = lora_module.mitigate(change, rank)
        if rank > lora_module.rank:
            self.raised.append((lora_module, rank))
        return new, Energy(lora_module.rank, rank, result.energy, result.kept)

    def finish(self, folder: Path) -> None:
        settings = with_ranks(self.adapter.config, self.raised)
        with (folder / CONFIG).open("w", encoding="utf-8") as file:
            file.write(json.dumps(settings, indent=2, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


@dataclass
class WeightsForm:
    """Every tensor of a fully tuned model, the mitigated ones anew in its own dtype and orientation."""

    comparison: Comparison
    tuned: Checkpoint
    left_out: list[str] = field(default_factory=list)
    name = "weights"
    file = "model.safetensors"

    def jobs(self) -> Iterator[Job]:
        rows = {name: row for row in self.comparison.alignment.rows if (p := row.partners[0]) for name in p.tensors}
        for name, array in self.tuned.stored.items():
            if DTYPES[array.dtype].safetensors is None:
                self.left_out.append(f"{escape(name)}: safetensors has no {array.dtype}")
            else:
                yield Job({name: len(array.shape)}, array.dtype, rows.get(name))

    def write(self, writer: Writer, job: Job, found: Sequence[Intruding]) -> Energy | None:
        (name,) = job.names
        if job.aligned is not None and any(entry.change for entry in found):
            writer.add(name, _make_whole(self.comparison, job.aligned, found, job.dtype))
        else:
            writer.copy(name, self.tuned.stored[name])
        return None

    def finish(self, folder: Path) -> None:
        return


@dataclass
class MergedForm:
    """The whole new value of every parameter that an adapter changes, under the base's names and in its dtypes."""

    comparison: Comparison
    adapter: Adapter
    tuned: Checkpoint
    left_out: list[str] = field(default_factory=list)
    name = "weights"
    file = "model.safetensors"

    def jobs(self) -> Iterator[Job]:
        job_names: set[str] = set()
        for row in self.comparison.alignment.rows:
            if row.partners[0] is not None and row.partners[0].tensors:
                job_names.update(row.partners[0].tensors)
                yield Job({row.base.called: len(row.base.shape)}, row.base.dtype, row)
        names = [info.name for info in self.comparison.checkpoints[0].tensors]
        for module in self.adapter.modules:
            if module.whole and job_names.isdisjoint(module.tensors):  # a bias, a norm, a head of its own
                array = self.tuned.stored[module.tensors[0]]
                yield Job({_home(module.name, names): len(array.shape)}, array.dtype, None, module)
            elif job_names.isdisjoint(module.tensors):
                self.left_out.append(f"{escape(module.name)}: the base does not have it")
            else:
                self.left_out += [f"{escape(name)}: a bias of the adapter" for name in module.tensors if _is_bias(name)]

    def write(self, writer: Writer, job: Job, found: Sequence[Intruding]) -> Energy | None:
        (name,) = job.names
        if job.aligned is None:
            assert job.module is not None
            writer.copy(name, self.tuned.stored[job.module.tensors[0]])
        elif all(entry.count is None for entry in found):
            self.left_out.append(f"{escape(name)}: {found[0].note if found else 'it holds no matrix'}")
        else:
            writer.add(name, _make_whole(self.comparison, job.aligned, found, job.dtype))
        return None

    def finish(self, folder: Path) -> None:
        return


def _make_whole(comparison: Comparison, aligned: Aligned, found: Sequence[Intruding], dtype: str) -> Tensor:
    """The tuned tensor with its changes, in its own orientation and with all its rows."""
    partner = aligned.partners[0]
    assert partner is not None
    weight = read_held(comparison, aligned, 1, comparison.checkpoints[0].read(aligned.base.name))
    assert not isinstance(weight, str), "what cannot be had has no change"
    tensor = apply_changes(aligned.base, weight.tensor, [entry.change for entry in found])
    return (tensor.mT if partner.turned else tensor).to(getattr(torch, dtype)).contiguous()


def apply_changes(info: TensorInfo, tensor: Tensor, changes: Sequence[Factors | None]) -> Tensor:
    """A copy of the tensor, which lies as `info` says, with a change added to each matrix, in float32 at least.

    A change of fewer rows than its matrix is one of the first rows.
    """
    new = tensor.to(torch.promote_types(tensor.dtype, torch.float32), copy=True).contiguous()
    lies = replace(info, shape=tuple(new.shape))
    for weight, rows, change in zip(weights(lies, new), outputs(lies), changes, strict=True):
        if change is None:
            continue
        if isinstance(rows, np.ndarray):  # its rows lie apart from each other, so that the weight is a copy of them
            matrix = new.T if info.transposed else new
            matrix[torch.from_numpy(rows)] += (change.left @ change.right).to(new.dtype)
            continue
        count, _, columns = weight.slices.shape
        if not np.may_share_memory(weight.array, as_array(new)):
            what = (
                "its matrices do not lie in it as they are (a convolution of several groups, or heads with a side of "
            )
            raise MitigationError(f"{escape(info.name)}: {what}their own), and it is not mitigated")
        delta = (change.left @ change.right).reshape(-1, columns, count).permute(2, 0, 1)  # (s, m, n)
        weight.slices[:, : delta.shape[1]] += delta.to(new.dtype)
    return new


def join_changes(info: TensorInfo, changes: Sequence[tuple[int, Factors | None]]) -> Factors:
    """The changes of a tensor's matrices as one change of the whole, each with the number of its matrix's outputs."""
    lefts = [change.left if change else torch.zeros(rows, 0, dtype=torch.float64) for rows, change in changes]
    left: Tensor = torch.block_diag(*lefts)  # type: ignore[no-untyped-call]  # has no types
    if info.layout == Layout.QKV_GROUPS:  # in any other tensor the matrices lie below each other
        rows = np.concatenate([part for part in outputs(info) if isinstance(part, np.ndarray)])
        left = left[torch.from_numpy(np.argsort(rows))]
    return Factors(left, torch.cat([change.right for _, change in changes if change]))


def _bits(dtype: str) -> int:
    return DTYPES[dtype].bits


def _is_bias(name: str) -> bool:
    return name.endswith(("lora_A.bias", "lora_B.bias"))


def _home(name: str, names: Sequence[str]) -> str:
    """What the base calls the parameter: its own name, or the one name that ends, or begins, alike."""
    name = name.removeprefix(PREFIX)
    matches = [other for other in names if other.endswith(f".{name}") or name.endswith(f".{other}")]
    return name if name in names or len(matches) != 1 else matches[0]
