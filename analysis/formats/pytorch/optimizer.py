"""The state of a torch optimizer: moments of each parameter by its number.

`torch.optim.Optimizer.state_dict` has {"state": {i: {"exp_avg": …, "exp_avg_sq": …, "momentum_buffer": …}},
"param_groups": [{"params": [i, …]}]}, alone or under a key of a training's file. Parameters are numbered; torch 2.6 and
later may name them (`param_names`), and FSDP's full state has their names in place of numbers.
Nothing of the file is run: objects of other classes, such as GaLore's projectors, are left out and named.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import UnknownFormat, escape
from analysis.formats.parts import is_optimizer
from analysis.formats.pytorch.archive import is_zip, read_archive
from analysis.formats.pytorch.objects import Foreign, View
from analysis.formats.pytorch.state import check_growth, locate_tensor
from analysis.formats.stored import HEAD, Stored

if TYPE_CHECKING:
    import torch

MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer")  # of Adam and its kin, and of SGD, Muon and RMSprop
FLAT = (
    "fp32_flat_groups", "single_partition_of_fp32_groups", "partition_count", "zero_stage", "optimizer_state_dict_flat",
    "flat_param", "shard_metadata",
)  # fmt: skip
DEEPEST = 4  # dicts around the optimizer's


@dataclass(frozen=True)
class OptimizerState:
    """Tensors by the parameter's number and the moment's name, known from the pickle alone and read one at a time."""

    path: Path
    groups: tuple[tuple[int, ...], ...]  # numbers in the order in which the parameters were given
    moments: Mapping[int, Mapping[str, Stored]]
    names: Mapping[int, str] = field(default_factory=dict)  # where the groups have `param_names`
    foreign: tuple[str, ...] = ()  # classes of objects that were left out

    @property
    def order(self) -> tuple[int, ...]:
        return tuple(number for group in self.groups for number in group)

    def shape(self, number: int) -> tuple[int, ...] | None:
        """Of the parameter, as its moments have it; None where it has none."""
        return next((array.shape for array in self.moments.get(number, {}).values()), None)

    def read(self, number: int, moment: str) -> "torch.Tensor":
        """One moment on the CPU, in its stored dtype."""
        import torch

        array = self.moments[number][moment]
        return torch.from_numpy(np.ascontiguousarray(array.load())).view(getattr(torch, array.dtype))


def is_optimizer_file(path: Path) -> bool:
    """Whether the file holds an optimizer's state, or flat shards of one, and nothing around it."""
    try:
        root = _root(path)
    except (UnknownFormat, OSError):
        return False
    if not isinstance(root, dict):
        return False
    states = [value for key, value in root.items() if is_optimizer(str(key)) and isinstance(value, dict)]
    other_dicts = [
        value for value in root.values() if isinstance(value, dict) and all(value is not state for state in states)
    ]
    has_weights = any(isinstance(inner, View) for other in (root, *other_dicts) for inner in other.values())
    return any(map(_is_state, (root, *states))) and not has_weights


def _is_state(found: Mapping[Any, Any]) -> bool:
    return "param_groups" in found or _flat_key(found) is not None


def read_optimizer(path: Path) -> OptimizerState:
    """The state in a file of torch.save. Raises UnknownFormat: "flat-optimizer" for shards of DeepSpeed and FSDP.

    UnsafeFile where the moments would take far more memory than the file has bytes.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not is_zip(head):
        raise _no_state(path)
    source, machine = read_archive(path)
    for part in _dicts(machine.value, 0):
        if (flat := _flat_key(part)) is not None:
            raise UnknownFormat(
                f"{escape(path.name)}: {flat} says that its moments are flat shards, in which no parameter "
                "has a shape. Gather them first (DeepSpeed: universal checkpoints; FSDP: FSDP.full_optim_state_dict).",
                "flat-optimizer",
            )
    state = next((part for part in _dicts(machine.value, 0) if "param_groups" in part and "state" in part), None)
    if state is None:
        raise _no_state(path)
    state, fsdp_names = _number_names(state)
    groups, names = _groups(state["param_groups"])
    moments = {
        number: {
            name: locate_tensor(f"state.{number}.{name}", view, source)
            for name, view in views.items()
            if name in MOMENTS and isinstance(view, View)
        }
        for number, views in _entries(state["state"])
    }
    check_growth(path, {f"{n}.{name}": array for n, own in moments.items() for name, array in own.items()})
    return OptimizerState(path, groups, moments, names | fsdp_names, tuple(sorted(machine.foreign)))


def _root(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(HEAD)
    if not is_zip(head):
        return None
    return read_archive(path)[1].value


def _no_state(path: Path) -> UnknownFormat:
    text = f"{escape(path.name)} holds no state of a torch optimizer. Give the file that torch.save wrote of it"
    return UnknownFormat(f"{text} (optimizer.pt)", "no-tensors")


def _dicts(value: Any, depth: int) -> Iterator[Mapping[Any, Any]]:
    """The dicts in which an optimizer's may lie: outermost first."""
    if isinstance(value, Foreign) or depth > DEEPEST:
        return
    if isinstance(value, dict):
        yield value
        if "param_groups" not in value:
            for inner in value.values():
                yield from _dicts(inner, depth + 1)
    elif isinstance(value, list | tuple) and len(value) < 100:
        for inner in value:
            yield from _dicts(inner, depth + 1)


def _flat_key(found: Mapping[Any, Any]) -> str | None:
    return next((key for key in FLAT if key in found), None)


def _number_names(state: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], dict[int, str]]:
    """FSDP's full state has names where torch has numbers: both as torch has them, and the names by number."""
    groups = state["param_groups"] if isinstance(state["param_groups"], list | tuple) else []
    all_names = [name for group in groups if isinstance(group, dict) for name in group.get("params", ())]
    if not all_names or not all(isinstance(name, str) for name in all_names):
        return state, {}
    numbers = {name: number for number, name in enumerate(all_names)}
    entries = state["state"] if isinstance(state["state"], dict) else {}
    moments = {numbers[name]: entry for name, entry in entries.items() if name in numbers}
    new_groups = [{"params": [numbers[name] for name in group.get("params", ())]} for group in groups]
    return {"state": moments, "param_groups": new_groups}, {number: name for name, number in numbers.items()}


def _groups(told: Any) -> tuple[tuple[tuple[int, ...], ...], dict[int, str]]:
    """The numbers of each group, and the names of those that have one."""
    groups: list[tuple[int, ...]] = []
    names: dict[int, str] = {}
    for group in told if isinstance(told, list | tuple) else ():
        members = group.get("params", []) if isinstance(group, dict) else []
        numbers = tuple(n for n in members if isinstance(n, int)) if isinstance(members, list | tuple) else ()
        groups.append(numbers)
        own_names = group.get("param_names") if isinstance(group, dict) else None
        if isinstance(own_names, list | tuple) and len(own_names) == len(numbers):
            names |= {number: str(name) for number, name in zip(numbers, own_names, strict=True)}
    return tuple(groups), names


def _entries(state: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, entry in state.items() if isinstance(state, dict) else ():
        if isinstance(number, int) and isinstance(entry, dict):
            yield number, entry
