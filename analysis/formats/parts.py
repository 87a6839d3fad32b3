"""What in a checkpoint is no weight of its model: the state of the training, and copies of the weights.

An optimizer keeps moments of the same shapes as the weights, and a training keeps averages (EMA), teachers and targets
of the same names. Both are told by their names, copies by their counterparts too, in every format alike.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from analysis.adapters.names import is_adapter
from analysis.errors import CheckpointError, UnknownFormat, escape
from analysis.formats.stored import Array, Aside

OPTIMIZER = "state of the optimizer, no weight"
FLAT = (
    "FSDP has flattened several weights into it, and their shapes are not in the file: load it into the model on all "
    "ranks, run there with FSDP.state_dict_type(model, StateDictType.FULL_STATE_DICT): torch.save(model.state_dict(), "
    "'model.pt'), and give what rank 0 wrote"
)
TRAINING = "state of the training (schedule, random numbers, loops), no weight"

# the leaves under which optimizers keep their moments: torch.optim, optax, bitsandbytes, Keras
MOMENTS = {
    "exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_avg_var", "exp_inf", "exp_avg_sq_row", "exp_avg_sq_col",
    "momentum_buffer", "square_avg", "acc_delta", "grad_avg", "prev_grad", "fp32_from_fp16", "master_param",
}  # fmt: skip
OPTIMIZERS = {
    "optimizer", "optimizers", "optim", "optims", "optimiser", "optimisers", "adam", "adamw", "lbfgs", "opt_state",
    "opt_states", "optimizer_weights",
}  # fmt: skip
TRAINING_STATES = {
    "lr_scheduler", "lr_schedulers", "scheduler", "schedulers", "scaler", "grad_scaler", "amp", "rng_state",
    "rng_states", "random_rng_state", "np_rng_state", "torch_rng_state", "cuda_rng_state", "rng_tracker_states",
    "loops", "callbacks", "lightning_rng_state", "dataloader", "train_loader", "sampler", "ema_scheduler",
    "lr_scheduler_state", "scheduler_state_dict", "scaler_state_dict", "cuda_rng_state_all", "loss_scaler",
}  # fmt: skip

# words of a component that say that what it holds follows the weights
AVERAGES = {"ema", "emas", "averaged", "swa", "shadow", "polyak", "lookahead", "avgmodel"}
FOLLOWERS = {
    "teacher": "student", "target": "online", "momentum": "online", "moving": "", "slow": "",
    "ref": "policy", "reference": "policy",  # what DPO and PPO compare their policy with
}  # fmt: skip
PAIRS = MappingProxyType({"_k": "_q", "_m": "", "_t": "_s"})  # MoCo's encoders, ALBEF's towers
FEWEST = 3  # matrices of a module that such an ending may mean: "to_k" beside "to_q" is one layer of an attention
TRAINED = "current_model_state"  # where Lightning's WeightAveraging keeps the weights that its average follows
MOST_PREFIXES = 64
EMPTY = (
    "The values are in other files, as DeepSpeed ZeRO-3 leaves them: give the whole folder with the …_optim_states.pt "
    "files, or run its zero_to_fp32.py, and give what that writes."
)

Shapes = Mapping[str, tuple[int, ...]]


def tokens(component: str) -> list[str]:
    """The words in one component of a name: "optimizerG_state" has optimizer, g and state."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", component[:128])]


def is_optimizer(component: str) -> bool:
    """Whether a key is that of an optimizer's state: "optimizer_state_dict", "optim0", "G_optimizer".

    "opt" alone is a model too (OPT): what holds a torch optimizer's state under it is told by its structure.
    """
    return component.lower() in OPTIMIZERS or not OPTIMIZERS.isdisjoint(tokens(component))


def is_training_state(component: str) -> bool:
    return component.lower() in TRAINING_STATES


def training_reasons(names: Iterable[str]) -> dict[str, str]:
    """The tensors among these that an optimizer keeps, by the first component of their names or the last."""
    reasons: dict[str, str] = {}
    for name in names:
        leaf, components = re.split(r"[./]", name[-128:])[-1], re.split(r"[./]", name[:512])
        if leaf in MOMENTS or (len(components) > 2 and _heads_optimizer(components[0])):
            reasons[name] = OPTIMIZER
        elif len(components) > 2 and is_training_state(components[0]):
            reasons[name] = TRAINING
    return reasons


def _heads_optimizer(component: str) -> bool:
    """Stricter than `is_optimizer`: a module of a model may have such a word in its name."""
    word = component.lower()
    return word in OPTIMIZERS or word.startswith(("optimizer_state", "optim_state"))


def copies(shapes: Shapes) -> dict[str, str]:
    """The copies of the weights among these tensors: prefix -> what it is, in words.

    A prefix counts where its word says so (ema, teacher, …) and where most of what it holds has a counterpart of the
    same shape elsewhere; a teacher of another shape counts beside its student.
    """
    words: dict[str, str] = {}
    for prefix, word in _candidates(shapes):
        if any(prefix.startswith(other) for other in words):
            continue
        own_shapes = {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
        rest_shapes = {name: shape for name, shape in shapes.items() if not name.startswith(prefix)}
        rest_shapes = {name: shape for name, shape in rest_shapes.items() if not any(name.startswith(o) for o in words)}
        if rest_shapes and (
            _follows(prefix, own_shapes, rest_shapes) or (word == "teacher" and _has_word(rest_shapes, "student"))
        ):
            words[prefix] = word
    return words


def _candidates(shapes: Shapes) -> Iterator[tuple[str, str]]:
    """Prefixes of names, up to and with a component whose word says copy, with that word; outermost first."""
    prefixes: dict[str, str] = {}
    for name in shapes:
        end = 0
        for component in name[:256].split(".")[:-1][:6]:
            end += len(component) + 1
            word = _word(component)
            if word is not None:
                prefixes.setdefault(name[:end], word)
                break
    yield from list(prefixes.items())[:MOST_PREFIXES]


@lru_cache(maxsize=4096)
def _word(component: str) -> str | None:
    words = set(tokens(component))
    for word in (*AVERAGES, *FOLLOWERS):
        if word in words:
            return word
    if component == TRAINED:
        return TRAINED
    return "momentum" if component.endswith(tuple(PAIRS)) else None


def _has_word(names: Iterable[str], word: str) -> bool:
    return any(word in tokens(component) for name in names for component in name[:256].split(".")[:4])


def _plain(name: str) -> str:
    """A name without dots and lines: some averages keep names so (LitEma, ema_pytorch)."""
    return name.replace(".", "").replace("_", "")


def _follows(prefix: str, inside: Shapes, outside: Shapes) -> bool:
    """Whether most tensors inside have a counterpart outside: the same shape, and the same name under one prefix."""
    if all(name.rpartition(".")[2].isdigit() for name in inside):
        return _same_shapes(inside, outside)
    matrices = {name: shape for name, shape in inside.items() if len(shape) > 1} or dict(inside)
    min_share, ending = 0.5, prefix[-3:-1]
    if ending in PAIRS and _word(prefix[:-1].rpartition(".")[2]) == "momentum":
        partner = f"{prefix[:-3]}{PAIRS[ending]}."
        outside = {name: shape for name, shape in outside.items() if name.startswith(partner)}
        min_share = 0.9 if len(matrices) >= FEWEST else 2.0
    elif len(matrices) == 1 and "." not in next(iter(matrices)):
        outside = {name: shape for name, shape in outside.items() if _is_counterpart(name, prefix)}
    counterparts: dict[tuple[str, tuple[int, ...]], None] = {
        (_plain(name), shape): None for name, shape in outside.items()
    }
    for _ in range(3):  # an average may have wrapped its model: "averaged_model.module."
        if _matches(matrices, counterparts) >= min_share * len(matrices):
            return True
        heads = {name.partition(".")[0] for name in matrices}
        if len(heads) > 1 or any("." not in name for name in matrices):
            return False
        matrices = {name.partition(".")[2]: shape for name, shape in matrices.items()}
    return False


def _is_counterpart(name: str, prefix: str) -> bool:
    """Whether a layer has the name of the copy's without the word that says copy, or with the one of what is copied.

    Of a single layer its own name says nothing ("weight"): any layer of that shape would do.
    """
    parent, component = (name.rpartition(".")[0], prefix[:-1].rpartition(".")[2])
    front = prefix[: -len(component) - 1]
    own = [word for word in tokens(component) if word not in AVERAGES and word not in FOLLOWERS]
    if not parent.startswith(front.rstrip(".")):
        return False
    rest = parent.removeprefix(front)
    return not own or [word for word in tokens(rest) if word not in FOLLOWERS.values()] == own


def _matches(inside: Shapes, there: Mapping[tuple[str, tuple[int, ...]], None]) -> int:
    """How many have a counterpart, under the one prefix that gives most."""
    first, shape = next(iter(inside.items()))
    tail = _plain(first)
    fronts = sorted({name.removesuffix(tail) for name, s in there if s == shape and name.endswith(tail)}, key=len)
    counts = (sum((front + _plain(n), s) in there for n, s in inside.items()) for front in fronts[:MOST_PREFIXES])
    return max(counts, default=0)


def _same_shapes(inside: Shapes, outside: Shapes) -> bool:
    """Whether a list of tensors has the shapes of the others: averages that are kept without names."""
    return sum((Counter(inside.values()) & Counter(outside.values())).values()) >= 0.9 * len(inside)


def copy_reason(prefix: str, word: str) -> str:
    """Why a copy is left out, and how to analyse it."""
    if word == TRAINED:
        return f"the weights that the running average follows: analyse them by --part {escape(prefix[:-1])}"
    what = "a running average" if word in AVERAGES else "a copy" if word != "teacher" else "a teacher"
    return f"{what} of the weights, no weight of its own: analyse it by --part {escape(prefix[:-1])}"


def copy_of(reason: str) -> str | None:
    """The part that such a reason names; None for other reasons.

    >>> copy_of(copy_reason("ema.", "ema"))
    'ema'
    """
    _, advice, part = reason.rpartition(": analyse it by --part ")
    return part if advice else None


Parts = tuple[dict[str, Array], dict[str, Aside]]


def select(tensors: Mapping[str, Array], part: str | None = None) -> Parts:
    """The weights among the tensors of a checkpoint, and what is set aside with the reason.

    `part` asks for the tensors under that prefix, and nothing else: a copy that is left out otherwise.
    Raises UnknownFormat where there is no weight among them, or no such part.
    """
    reasons = training_reasons(tensors)
    shapes = {name: array.shape for name, array in tensors.items() if name not in reasons}
    prefixes = {} if is_adapter(tensors) else copies(shapes)  # kohya's names differ by "_k" and "_q" too
    if part is not None:
        return _select_part(tensors, part, prefixes)
    for prefix, word in prefixes.items():
        reasons |= {name: copy_reason(prefix, word) for name in shapes if name.startswith(prefix)}
    flat = [name for name in tensors if is_flat(name)]
    reasons |= dict.fromkeys(flat, FLAT)
    others = [name for name in tensors if name not in reasons]
    if flat and all(len(tensors[name].shape) < 2 for name in others):
        raise UnknownFormat(f"tensor {escape(flat[0])}: {FLAT}", "empty-tensors")
    if tensors and not others:
        text = "it holds the state of an optimizer or a training, and no weights. Give the model's own file"
        raise UnknownFormat(text, "no-tensors")
    exclusions = {name: set_aside(tensors[name], reason) for name, reason in reasons.items()}
    return {name: array for name, array in tensors.items() if name not in exclusions}, exclusions


def is_flat(name: str) -> bool:
    """Whether FSDP has flattened several weights into a tensor of this name."""
    return name.endswith("_flat_param") or name == "flat_param"


def set_aside(array: Array, reason: str) -> Aside:
    return Aside(array.shape, array.dtype, array.nbytes, reason)


def _select_part(tensors: Mapping[str, Array], part: str, prefixes: Iterable[str]) -> Parts:
    prefix = f"{part}."
    part_arrays = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    if not part_arrays:
        choices = ", ".join(escape(other[:-1]) for other in prefixes) or "none"
        raise UnknownFormat(f"there is no part “{escape(part)}” in it; its copies are: {choices}", "no-tensors")
    rest = {
        f"{name} (outside {part})" if name in part_arrays else name: array
        for name, array in tensors.items()
        if not name.startswith(prefix)
    }
    return part_arrays, {
        name: set_aside(array, f"outside the part {escape(part)}, no weight of it") for name, array in rest.items()
    }


def select_of_file(path: Path, tensors: Mapping[str, Array], aside: Mapping[str, Aside], part: str | None) -> Parts:
    """The weights, and what was set aside in the files and among all of their tensors. An error names the file."""
    name = escape(path.name)
    if not tensors:
        raise _without_tensors(name, aside)
    if all(0 in array.shape for array in tensors.values()):
        raise UnknownFormat(
            f"{name}: all of its {len(tensors)} tensors are empty (shape [0]). {EMPTY}", "empty-tensors"
        )
    try:
        weights, exclusions = select(tensors, part)
    except CheckpointError as error:
        raise type(error)(f"{name}: {error}", error.code) from None
    return weights, {**aside, **exclusions}


def _without_tensors(name: str, aside: Mapping[str, Aside]) -> UnknownFormat:
    if not aside:
        return UnknownFormat(f"{name} is readable but contains no tensor. Save a state dict", "no-tensors")
    reasons = Counter(entry.reason for entry in aside.values())
    text = f"{name} can be read, but no weight of a model is in it; of its {len(aside)} tensors the first is"
    return UnknownFormat(f"{text} {reasons.most_common(1)[0][0]}", "no-tensors")
