"""How a model was trained, as the file says that a training saved: arguments, steps, and the optimizer's groups.

nanoGPT keeps `config`, `model_args` and `iter_num` beside the weights, Lightning `hyper_parameters` and `global_step`,
Megatron, timm and fairseq a namespace `args`, others the state of their torch optimizer alone. All of it is data here:
nothing is run. What two places say differently is no fact.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.formats.pytorch.objects import Foreign, View
from analysis.formats.pytorch.walk import key_text
from analysis.formats.stored import Fact
from analysis.formats.training import argument_facts, positive

ARGUMENTS = ("config", "args", "hyper_parameters", "hparams", "train_args", "training_args", "model_args", "cfg")
STEPS = ("global_step", "iter_num", "iteration", "num_updates", "global_steps", "step")
DEEPEST = 4
MOST_FIELDS = 10_000
SIZES = {
    "width": ("hidden_size", "n_embd", "d_model", "dim"),
    "depth": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
}
# what only one kind of optimizer has in its groups (torch.optim, transformers, lion-pytorch, Muon)
MARKS = (
    ("Muon", ("ns_steps", "ns_coefficients", "adjust_lr_fn")),
    ("Adafactor", ("scale_parameter", "relative_step", "beta2_decay", "clip_threshold")),
    ("SGD", ("dampening", "nesterov")),
    ("RMSprop", ("centered",)),
    ("Adagrad", ("lr_decay",)),
    ("SOAP", ("precondition_frequency", "max_precond_dim")),
)
OF_STATE = "the optimizer at its last step"

Fields = Mapping[str, Fact]


def training_settings(root: Any) -> dict[str, Fact]:
    """Learning rate, weight decay, steps, optimizer, schedule, width and depth, where the file says them."""
    if not isinstance(root, dict):
        return {}
    said = _agreed_fields(root[name] for name in ARGUMENTS if name in root)
    found = argument_facts(said) | _sizes(said)
    step = next((root[name] for name in STEPS if positive(root.get(name)) is not None), None)
    if step is not None:
        found["step"] = step
    if "schedule" not in found and isinstance(said.get("decay_lr"), bool):  # nanoGPT's flag
        found["schedule"] = "cosine" if said["decay_lr"] else "constant"
    groups = _of_groups(root)
    if "learning_rate" in found:  # the groups say it of the last step only
        groups = {name: value for name, value in groups.items() if not name.startswith("learning_rate")}
    return groups | found


def _sizes(said: Fields) -> dict[str, Fact]:
    picked = {
        fact: next((said[name] for name in names if positive(said.get(name))), None) for fact, names in SIZES.items()
    }
    return {fact: value for fact, value in picked.items() if value is not None}


def _agreed_fields(parts: Iterator[Any]) -> dict[str, Fact]:
    """Every plain value by its key, wherever it stands; not those that two places give differently."""
    found: dict[str, Fact] = {}
    differ: set[str] = set()
    for at, (key, value) in enumerate(pair for part in parts for pair in _fields(part, 0)):
        if at == MOST_FIELDS:
            break
        if key in found and found[key] != value:
            differ.add(key)
        found[key] = value
    return {key: value for key, value in found.items() if key not in differ}


def _fields(value: Any, depth: int) -> Iterator[tuple[str, Fact]]:
    for key, inner in _contents(value).items():
        inner = _unwrap(inner)
        if isinstance(inner, str | bool | int | float):
            yield key_text(key), inner
        elif isinstance(inner, dict | Foreign) and depth < DEEPEST:
            yield from _fields(inner, depth + 1)


def _contents(value: Any) -> Mapping[Any, Any]:
    """What a dict holds, or an object by its attributes: a namespace, a dataclass, OmegaConf's."""
    if isinstance(value, Foreign):
        content = value.state.get("_content")
        return content if isinstance(content, dict) else {**value.items, **value.state}
    return value if isinstance(value, dict) else {}


def _unwrap(value: Any) -> Any:
    """OmegaConf keeps each value in an object."""
    return value.state["_val"] if isinstance(value, Foreign) and "_val" in value.state else value


def _of_groups(root: Mapping[Any, Any]) -> dict[str, Fact]:
    """What most matrices got of the optimizers in the file, each counted once; nothing where no value has most."""
    counted = [(group, count) for state in _optimizers(root) for group, count in _groups(state)]
    rate = _commonest([(_rate(group), count) for group, count in counted])
    decay = _commonest([(positive(group.get("weight_decay"), zero=True), count) for group, count in counted])
    kind = _commonest([(_kind(group), count) for group, count in counted])
    found: dict[str, Fact] = {"weight_decay": decay, "optimizer": kind}
    if rate is not None:
        found["learning_rate"], peak = rate
        if not peak:
            found["learning_rate_from"] = OF_STATE
    return {name: value for name, value in found.items() if value is not None}


def _optimizers(root: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    """torch.optim.Optimizer.state_dict, alone under a key or in a list of several."""
    for value in root.values():
        for state in value if isinstance(value, list | tuple) and len(value) < 100 else (value,):
            if isinstance(state, dict) and "state" in state and isinstance(state.get("param_groups"), list):
                yield state


def _groups(state: Mapping[Any, Any]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Each group with the number of its matrices, as their moments show; of its parameters where there are none."""
    moments = state["state"] if isinstance(state["state"], dict) else {}
    for group in state["param_groups"]:
        listed = group.get("params") if isinstance(group, dict) else None
        if isinstance(listed, list | tuple):
            numbers = [number for number in listed if isinstance(number, int | str)]
            yield group, sum(_is_matrix(moments.get(number)) for number in numbers) if moments else len(numbers)


def _is_matrix(moments: Any) -> bool:
    held = moments.values() if isinstance(moments, dict) else ()
    return any(isinstance(view, View) and len(view.shape) > 1 for view in held)


def _rate(group: Mapping[str, Any]) -> tuple[Fact, bool] | None:
    """The learning rate, and whether it is the peak: a scheduler of torch keeps what it began from in each group."""
    for name in ("max_lr", "initial_lr", "lr"):
        if (rate := positive(group.get(name))) is not None:
            return rate, name != "lr"
    return None


def _kind(group: Mapping[str, Any]) -> str | None:
    """Which optimizer has such a group. Adam and AdamW look alike before torch 2.7: then neither is said."""
    if group.get("use_muon") is True:
        return "Muon"
    for kind, marks in MARKS:
        if any(mark in group for mark in marks):
            return kind
    if "betas" in group and "eps" not in group:
        return "Lion"
    decoupled = group.get("decoupled_weight_decay")
    return None if decoupled is None else "AdamW" if decoupled else "Adam"


def _commonest(values: Sequence[tuple[Any, int]]) -> Any:
    """The value that more than half of all matrices have."""
    counts: Counter[Any] = Counter()
    for value, count in values:
        counts[value] += count
    value, count = counts.most_common(1)[0] if counts else (None, 0)
    return value if 2 * count > sum(counts.values()) else None
