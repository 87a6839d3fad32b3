"""The block that a tensor lies in: its stack, and its number there.

A stack is what stands in front of the first number, "model.decoder.layers" say. Blocks that are counted anew in every
stage (ResNet, Swin) follow each other in one stack, and so do the ways down, through the middle and up of a U-Net.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from analysis.names.parts import components, is_index
from analysis.names.table import CLASSES

STAGE = re.compile(r"(?P<stem>(?:encoder_|decoder_|basic|residual_|)?(?:layer|stages?|blocks?|features|encoderblock)"
                   r"|dense_?block|layers|block)_?(?P<number>\d+)")  # fmt: skip
INNER = re.compile(r"dense_?layer_?(\d+)")
LISTS = ("blocks", "residual_group")  # lists of blocks inside a stage
ATTENTIVE = ("to_qkv", "to_q", "to_kv", "to_out", "net")
MODULES = ("auto_model",)  # what a number in front of counts no block: sentence-transformers' list of modules
STAGES = ("stages", "stage")
PHASES = {
    "down_blocks": 0, "down": 0, "downs": 0, "input_blocks": 0, "down_block": 0,
    "mid_block": 1, "mid": 1, "middle_block": 1, "mid_blocks": 1, "middle": 1,
    "up_blocks": 2, "up": 2, "ups": 2, "output_blocks": 2, "up_block": 2,
}  # fmt: skip
WAYS = ("Down", "Mid", "Up")
SIDES = {
    "vision_model": "Vision", "visual": "Vision", "vision_tower": "Vision", "vision_encoder": "Vision",
    "vision_backbone": "Vision", "image_encoder": "Vision", "image_model": "Vision", "vit": "",
    "text_model": "Text", "text_encoder": "Text", "text_decoder": "Text", "language_model": "Text",
    "audio_tower": "Audio", "audio_encoder": "Audio", "speech_encoder": "Audio", "audio_model": "Audio",
    "transf_decoder": "Decoder", "transf_encoder": "Encoder", "decoder": "Decoder", "encoder": "Encoder",
    "qformer": "Q-Former",
}  # fmt: skip
GGUF_SIDES = {"v": "Vision", "a": "Audio", "enc": "Encoder", "dec": "Decoder"}  # "v.blk.3.ffn_up.weight"
PLAIN = ("", "Encoder")  # sides that go without saying where there is no other


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies: `numbers` are its block's, outermost first; of a U-Net also which way."""

    stack: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    phase: int | None = None
    reverse: bool = False  # the way up counts from where the way down began: CompVis's "up"
    depth: int | None = None  # the running number of its block in the stack
    side: str = ""  # what tells the stack from the others of the checkpoint, in words

    @property
    def in_block(self) -> bool:
        """Whether it lies in a block at all."""
        return bool(self.numbers) or self.phase is not None


OUTSIDE = Place()


def place(name: str) -> Place:
    """The place that a name alone tells, without a depth. The index of an expert is no place."""
    words = components(name)
    for index, word in enumerate(words):
        lower = word.lower()
        if CLASSES["@experts"].fullmatch(lower[:64]):
            break
        if (result := _word_place(words, index, lower)) is not None:
            return result
    return OUTSIDE


def _word_place(found: list[str], at: int, lower: str) -> Place | None:
    """The place that one word of a name tells, where it tells one."""
    last = at + 1 == len(found)
    if not last and (phase := _phase(lower)) is not None:
        has_number = at + 2 < len(found) and is_index(found[at + 1])
        return Place(tuple(found[:at]), (_index(found[at + 1]),) if has_number else (), phase, lower == "up")
    if match := STAGE.fullmatch(lower):
        return Place((*found[:at], match["stem"]), (_index(match["number"]), *_second(found[at + 1 :], lower)))
    if is_index(lower) and not last and found[at + 1] not in MODULES:
        return Place(tuple(found[:at]), (_index(lower), *_second(found[at + 1 :], found[at - 1].lower() if at else "")))
    return None


def _phase(word: str) -> int | None:
    return PHASES.get(word, PHASES.get(word.rstrip("0123456789").rstrip("_")) if "mid" in word else None)


def _second(after: list[str], stage: str) -> tuple[int, ...]:
    """The number of a block within its stage, where the words after the stage's number have one."""
    if stage == "layers" and any(word in ATTENTIVE for word in after):
        return ()  # the parts of one layer: lucidrains' lists of an attention and an MLP
    for index, word in enumerate(after[:3]):
        last = index + 1 == len(after)
        if inner := INNER.fullmatch(word.lower()):
            return (_index(inner[1]),)
        if is_index(word):
            return () if last else (_index(word),)
        if word.lower() not in LISTS and not (word.lower() in ("layers", "layer") and stage in STAGES):
            return ()
    return ()


def _index(digits: str) -> int:
    return int(digits[-9:])


def place_of(name: str) -> tuple[int, ...]:
    """The indices of the block a tensor lies in, outermost first: (3,), or (stage, block); () outside the blocks.

    >>> place_of("layer2.1.conv1.weight")
    (2, 1)
    """
    return place(name).numbers


def depth_of(name: str) -> int | None:
    """The index of the block that a name lies in, None outside the blocks; see `places` for models with stages."""
    numbers = place_of(name)
    return numbers[-1] if numbers else None


def depths(names: Iterable[str]) -> dict[str, int | None]:
    """The depth of each name: the number of its block in its own stack. Where stages count anew, they follow on."""
    return {name: position.depth for name, position in places(names).items()}


def places(names: Iterable[str]) -> dict[str, Place]:
    """Where each name of a checkpoint lies, with its depth and with what tells its stack from the others."""
    by_name = {name: place(name) for name in names}
    stacks: dict[tuple[str, ...], list[Place]] = {}
    for position in dict.fromkeys(by_name.values()):
        if position.in_block:
            stacks.setdefault(position.stack, []).append(position)
    ways = {stack for stack, members in stacks.items() if len({position.phase for position in members} - {None}) > 1}
    by_place = {
        position: depth
        for stack, members in stacks.items()
        for position, depth in _number_places(members, stack in ways)
    }
    sides = _sides(Counter((t.stack, t.phase if t.stack in ways else None) for t in by_place))
    return {
        name: replace(position, depth=by_place[position],
                      side=sides[position.stack, position.phase if position.stack in ways else None])
        if position.in_block else position
        for name, position in by_name.items()
    }  # fmt: skip


def _number_places(inside: list[Place], ways: bool) -> list[tuple[Place, int | None]]:
    """Each place of one stack with its depth."""
    if ways:
        key = {position: _step(position) for position in inside}
        rank = {entry: index for index, entry in enumerate(sorted(set(key.values())))}
        return [(position, rank[key[position]]) for position in inside]
    has_stages = any(len(position.numbers) > 1 for position in inside)
    order = {numbers: index for index, numbers in enumerate(sorted({position.numbers for position in inside}))}
    return [
        (position, order[position.numbers] if has_stages else position.numbers[0] if position.numbers else None)
        for position in inside
    ]


def _step(there: Place) -> tuple[int, tuple[int, ...]]:
    """Where a block of a U-Net comes: first its way, then its number on it."""
    numbers = tuple(-number for number in there.numbers[:1]) if there.reverse else there.numbers[:1]
    return -1 if there.phase is None else there.phase, numbers


Stack = tuple[tuple[str, ...], int | None]
MAIN = 3  # times as many blocks as any other stack: what a model is made of, beside heads and necks


def _sides(stacks: Mapping[Stack, int]) -> Mapping[Stack, str]:
    """What tells each stack from the others, in words: "Decoder", "Vision", or what only its name has; "" for one.

    Of several that would be called alike, the one that has by far the most blocks keeps that name.
    """
    sides = {stack: side(stack[0]) if stack[1] is None else WAYS[stack[1]] for stack in stacks}
    twins: dict[str, list[Stack]] = {}
    for stack, label in sides.items():
        twins.setdefault(label, []).append(stack)
    labels: dict[Stack, str] = {}
    for label, others in twins.items():
        sizes = sorted((stacks[stack] for stack in others), reverse=True)
        common = set.intersection(*(set(stack[0]) for stack in others))
        is_plain = label in PLAIN and not (label == "Encoder" and "Decoder" in twins)
        for stack in others:
            is_main = len(others) == 1 or stacks[stack] == sizes[0] >= MAIN * sizes[1]
            labels[stack] = ("" if is_plain else label) if is_main else _own_words(stack, common) or label
    return labels


def _own_words(stack: Stack, common: Collection[str]) -> str:
    """The words of a stack that others of the same side do not have."""
    own = [word for word in stack[0] if word not in common]
    return f"{' '.join(own[-3:])} {'' if stack[1] is None else WAYS[stack[1]]}".strip()


def side(words: Iterable[str]) -> str:
    """The first known side that a name's words tell: "Vision" before "Encoder"; "" where they tell none."""
    words = list(words)
    if words[-1:] == ["blk"] and words[0] in GGUF_SIDES:
        return GGUF_SIDES[words[0]]
    matches = [SIDES[word.lower()] for word in words if word.lower() in SIDES]
    return next((word for word in matches if word not in ("Encoder", "Decoder")), matches[-1] if matches else "")
