"""What a reader calls a weight: "Decoder block 3 · cross-attention key"."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from analysis.errors import escape
from analysis.names.parts import CONSIDERED, components, is_index, parts
from analysis.names.places import PLAIN, side
from analysis.names.roles import RECURRENT
from analysis.names.table import CLASSES, WORDS

SOURCES = {"ih": "from the input", "hh": "from the state", "hr": "projection"}
CROSS = ("encdecattention", "crossattention", "encoder_attn", "cross_attn", "cross_attention")
LONGEST = 120  # characters of the words that tell a weight from others
MOST_KEPT = 2**14  # a page asks for each some times


def label_of(name: str, role: str, depth: int | None, where: str | None = None, more: str = "") -> str:
    """What a reader calls a weight.

    `where` names its block, as "Decoder block 3"; None: the name itself says. `more` tells it from others like it.

    >>> label_of("encoder.layer.4.attention.self.value.weight", "v", 4)
    'Block 4 · value'
    """
    plain = _what_of(name[-CONSIDERED:], role)
    what = f"{more} {f'layer {plain}' if plain.isdigit() else plain}".strip()
    if where is None:
        where = block(_side(name, depth), depth)
    return f"{where} · {what}" if where else what[:1].upper() + what[1:]


def _side(name: str, depth: int | None) -> str:
    word = "" if depth is None else side(parts(name))
    return "" if word in PLAIN else word


def block(side: str, number: int | None) -> str:
    """A block in words; "" outside of blocks.

    >>> block("Decoder", 3), block("", 0), block("Mid", None)
    ('Decoder block 3', 'Block 0', 'Mid block')
    """
    if number is None and not side:
        return ""
    text = " ".join([*([side] if side else []), "block", *([] if number is None else [str(number)])])
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=MOST_KEPT)
def _what_of(name: str, role: str) -> str:
    return _what(parts(name), role)


def _what(found: list[str], role: str) -> str:
    if role == "recurrent":
        return _gate(found)
    leaf = ".".join(found[-1:] if is_index(found[-2:][0]) and not is_index(found[-1]) else found[-2:])
    what = WORDS.get(role) or (_embedding(found) if role == "embedding" else escape(leaf))
    if any(word in CROSS for word in found):
        what = f"cross-attention {'output' if role == 'o' else what}"
    if expert := expert_of(found):
        return f"{expert} {what.removeprefix('MLP ')}"
    return f"{what} {member}" if (member := _member(found)) else what


def _member(found: list[str]) -> str | None:
    """The number of a matrix in a stack, "3" of "….weight.3.gate"; None where it is none."""
    index = next((place for place, word in enumerate(found) if word.endswith("weight")), len(found))
    return found[index + 1][-9:] if index + 1 < len(found) and is_index(found[index + 1]) else None


def _gate(found: list[str]) -> str:
    """What a recurrent weight is: "layer 0 forget gate from the state"."""
    gate = found[-1].replace("_", " ") if found[-1].endswith("_gate") else "weight"
    recurrence = next((match for word in reversed(found) if (match := RECURRENT.fullmatch(word))), None)
    if recurrence is None:
        source = "hh" if "recurrent_kernel" in found else "ih" if "kernel" in found else ""
        return f"{gate} {SOURCES[source]}" if source else gate
    source, layer, backwards = recurrence.groups()
    words = [*([f"layer {layer}"] if layer else []), gate, SOURCES[source], *(["backwards"] if backwards else [])]
    return " ".join(words)


def _embedding(found: list[str]) -> str:
    text = " ".join(found[-2:])
    for clue, what in (("type", "token type"), ("patch", "patch"), ("class", "class"), ("conv_proj", "patch")):
        if clue in text:
            return f"{what} embedding"
    return "word embedding"


def expert_of(found: list[str]) -> str | None:
    """Which expert a weight belongs to, where it belongs to one: "expert 17", "shared expert"."""
    for word, next_word in pairwise(found):
        if next_word.endswith("_shexp"):  # GGUF
            return "shared expert"
        if word.startswith("shared_expert"):
            return f"shared expert {next_word[-9:]}" if is_index(next_word) else "shared expert"
        if word.startswith("expert_") and is_index(word.removeprefix("expert_")):
            return f"expert {word.removeprefix('expert_')[-9:]}"
        if CLASSES["@experts"].fullmatch(word[:64]) and is_index(next_word):
            return f"expert {next_word[-9:]}"
    return None


def distinct(labels: Mapping[str, Collection[str]]) -> dict[str, str]:
    """For each tensor of which another has a label too, the words of its name that tell it from those.

    >>> distinct({"a.mlp.fc.weight": ["Fc"], "b.mlp.fc.weight": ["Fc"], "c.weight": ["C"]})
    {'a.mlp.fc.weight': 'a', 'b.mlp.fc.weight': 'b'}
    """
    by_label: dict[str, list[str]] = defaultdict(list)
    for name, some in labels.items():
        for label in some:
            by_label[label].append(name)
    groups = dict.fromkeys(tuple(names) for names in by_label.values() if len(names) > 1)
    return {name: words for names in groups for name, words in _qualifiers(names)}


def _qualifiers(names: Sequence[str]) -> Iterable[tuple[str, str]]:
    segments = {name: _segments(name) for name in names}
    common = set.intersection(*(set(some) for some in segments.values()))
    own = {name: " ".join(word for word in some if word not in common) for name, some in segments.items()}
    if len(set(own.values())) < len(names):  # the same words in another order, say
        own = {name: " ".join(some) for name, some in segments.items()}
    if len(set(own.values())) < len(names):
        own = {name: name for name in names}
    return [(name, escape(words[-LONGEST:])) for name, words in own.items()]


def _segments(name: str) -> list[str]:
    """The words of a name, each with the number that follows it: ["down_blocks.0", "attn1", "to_q"]."""
    segments: list[str] = []
    for word in components(name):
        if is_index(word) and segments:
            segments[-1] = f"{segments[-1]}.{word}"
        else:
            segments.append(word)
    return segments
