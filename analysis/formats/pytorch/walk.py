"""Every tensor in an unpickled value, by the keys on the way to it: through dicts, lists, and objects not loaded.

What an optimizer or a scheduler left there is told by its structure and by its key, and yields with the reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.errors import UnsafeFile
from analysis.formats.parts import OPTIMIZER, TRAINING, is_optimizer, is_training_state
from analysis.formats.pytorch.objects import Foreign, Ndarray, Sharded, Unreadable, View
from analysis.formats.pytorch.shards import shards_of

MOST_ENTRIES = 500_000
MOST_NAME_CHARACTERS = 100_000_000
DEEPEST = 64
LONGEST_NUMBER = 512  # bits of a key that is printed in digits
NOT_TEXT = "its key is not text, and the same text is a key beside it: a state dict has text as keys"
SAVED_BY_NAME = "_non_persistent_buffers_set"
NOT_SAVED = "a buffer that the module does not save (non-persistent), no weight"
ATTRIBUTE = "an attribute of a module, neither parameter nor buffer"
SHARD = (
    "one rank's part of a tensor that is spread over several (DTensor, ShardedTensor), and the file does not say "
    "which: save the full state dict"
)

Leaf = View | Ndarray | Unreadable | Sharded
Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor, the keys on the way to it, and the reason why it is no weight, if that is known from where it lies."""

    keys: Keys
    leaf: Leaf
    reason: str | None = None

    @property
    def name(self) -> str:
        return ".".join(self.keys)


Waiting = tuple[Keys, Any, str | None]


def walk(root: Any) -> Iterator[Entry]:
    """Every tensor with its keys, in order. Bounded, also where the value holds itself."""
    entries = characters = 0
    waiting: list[Waiting] = [((), root, None)]
    object_ids: set[int] = set()  # objects are walked once: unlike dicts, they refer to each other freely
    while waiting:
        keys, value, reason = waiting.pop()
        if isinstance(value, Leaf):
            yield Entry(keys, value, reason)
            continue
        if isinstance(value, Foreign):
            children = [] if id(value) in object_ids else list(_inside_object(value, keys, reason))
            object_ids.add(id(value))
        else:
            children = _unfold(value, keys, reason)
        entries += len(children)
        characters += sum(len(key) for inner, _, _ in children for key in inner)
        if entries > MOST_ENTRIES or characters > MOST_NAME_CHARACTERS or len(keys) >= DEEPEST:
            raise UnsafeFile(
                "its pickle unfolds without bound: it holds itself, or far too many values. Save a plain state dict.",
                "unbounded",
            )
        waiting += reversed(children)


def _unfold(value: Any, keys: Keys, reason: str | None) -> list[Waiting]:
    """What a dict, list or tuple holds, each with its keys and reason. One loop: a bomb has many."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], Ndarray):
        return [(keys, value[1], reason)]  # Paddle writes an array with its name
    if reason is None and isinstance(value, dict) and "param_groups" in value and "state" in value:
        reason = OPTIMIZER  # torch.optim.Optimizer.state_dict, under whatever key
    children: list[Waiting] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if not isinstance(inner, dict | list | tuple | Foreign | Leaf):
            continue
        text, why = key if isinstance(key, str) else key_text(key), reason
        if why is None and not isinstance(inner, Leaf) and isinstance(key, str):
            why = _reason(key)
        if isinstance(value, dict) and text is not key and text in value:
            text, why = f"{text} ({type(key).__name__})", why or NOT_TEXT
        children.append(((*keys, text), inner, why))
    return children


def key_text(key: object) -> str:
    """A key as a part of a name: of bounded length, also where it is a number that Python does not print."""
    if isinstance(key, int) and key.bit_length() > LONGEST_NUMBER:
        return f"integer of {key.bit_length():,} bits, …{key % 2**64:016x}"
    if isinstance(key, tuple) and any(isinstance(entry, int) for entry in key):
        return f"({', '.join(key_text(entry) if isinstance(entry, int) else repr(entry) for entry in key)})"
    return str(key)


def _reason(key: str) -> str | None:
    """Why what stands under such a key is no weight."""
    return OPTIMIZER if is_optimizer(key) else TRAINING if is_training_state(key) else None


def _inside_object(value: Foreign, keys: Keys, reason: str | None) -> Iterator[Waiting]:
    """What an object holds, each with its keys and reason."""
    for key, inner, own_reason in _parts(value):
        if isinstance(inner, dict | list | tuple | Foreign | Leaf):
            yield (*keys, *key), inner, reason or own_reason


def _parts(value: Foreign) -> Iterator[Waiting]:
    """The parts of a module under its state dict's names, of anything else under its attributes'."""
    state = value.state
    if isinstance(state.get("_parameters"), dict) or isinstance(state.get("_modules"), dict):
        yield from _inside_module(state)
    elif value.name.endswith((".DTensor", ".ShardedTensor")):
        yield from _inside_shards(value)
    else:
        for key, inner in (*state.items(), *value.items.items()):
            yield (key_text(key),), inner, None
        for place, inner in enumerate((*value.entries, *value.arguments)):
            yield (str(place),), inner, None


def _inside_module(state: Mapping[Any, Any]) -> Iterator[Waiting]:
    skip_names = state.get(SAVED_BY_NAME)
    skip_names = skip_names if isinstance(skip_names, list | tuple) else ()
    for kind in ("_parameters", "_buffers", "_modules"):
        members = state.get(kind)
        for key, inner in members.items() if isinstance(members, dict) else ():
            yield (key_text(key),), inner, NOT_SAVED if kind == "_buffers" and key in skip_names else None
    for key, inner in state.items():
        if isinstance(inner, Leaf):
            yield (key_text(key),), inner, ATTRIBUTE


def _inside_shards(value: Foreign) -> Iterator[Waiting]:
    """The parts of a tensor that is spread over ranks, with their places where the file says them."""
    if (sharded := shards_of(value)) is not None:
        yield (), sharded, None
        return
    for key, inner in (*value.state.items(), *enumerate(value.arguments)):
        if isinstance(inner, View | list | tuple | Foreign):
            yield () if key == "_local_tensor" else (key_text(key),), inner, SHARD
