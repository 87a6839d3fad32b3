"""The block that a tensor lies in: its stack, and its number there.

A stack is what stands in front of the first number, "model.decoder.layers" say. Blocks that are counted anew in every
stage (ResNet, Swin) follow each other in one stack, and so do the ways down, through the middle and up of a U-Net.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
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
    found = components(name)
    for at, word in enumerate(found):
        lower = word.lower()
        if CLASSES["@experts"].fullmatch(lower[:64]):
            break
        if (there := _word_place(found, at, lower)) is not None:
            return there
    return OUTSIDE


def _word_place(found: list[str], at: int, lower: str) -> Place | None:
    """The place that one word of a name tells, where it tells one."""
    last = at + 1 == len(found)
    if not last and (phase := _phase(lower)) is not None:
        counted = at + 2 < len(found) and is_index(found[at + 1])
        return Place(tuple(found[:at]), (_index(found[at + 1]),) if counted else (), phase, lower == "up")
    if staged := STAGE.fullmatch(lower):
        return Place((*found[:at], staged["stem"]), (_index(staged["number"]), *_second(found[at + 1 :], lower)))
    if is_index(lower) and not last and found[at + 1] not in MODULES:
        return Place(tuple(found[:at]), (_index(lower), *_second(found[at + 1 :], found[at - 1].lower() if at else "")))
    return None


def _phase(word: str) -> int | None:
    return PHASES.get(word, PHASES.get(word.rstrip("0123456789").rstrip("_")) if "mid" in word else None)


def _second(after: list[str], stage: str) -> tuple[int, ...]:
    """The number of a block within its stage, where the words after the stage's number have one."""
    if stage == "layers" and any(word in ATTENTIVE for word in after):
        return ()  # the parts of one layer: lucidrains' lists of an attention and an MLP
    for at, word in enumerate(after[:3]):
        last = at + 1 == len(after)
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
    return {name: there.depth for name, there in places(names).items()}


def places(names: Iterable[str]) -> dict[str, Place]:
    """Where each name of a checkpoint lies, with its depth and with what tells its stack from the others."""
    found = {name: place(name) for name in names}
    stacks: dict[tuple[str, ...], list[Place]] = {}
    for there in dict.fromkeys(found.values()):
        if there.in_block:
            stacks.setdefault(there.stack, []).append(there)
    ways = {stack for stack, inside in stacks.items() if len({there.phase for there in inside} - {None}) > 1}
    numbered = {
        there: depth for stack, inside in stacks.items() for there, depth in _number_places(inside, stack in ways)
    }
    sides = _sides(Counter((t.stack, t.phase if t.stack in ways else None) for t in numbered))
    return {
        name: replace(there, depth=numbered[there],
                      side=sides[there.stack, there.phase if there.stack in ways else None])
        if there.in_block else there
        for name, there in found.items()
    }  # fmt: skip


def _number_places(inside: list[Place], ways: bool) -> list[tuple[Place, int | None]]:
    """Each place of one stack with its depth."""
    if ways:
        key = {there: _step(there) for there in inside}
        rank = {at: index for index, at in enumerate(sorted(set(key.values())))}
        return [(there, rank[key[there]]) for there in inside]
    staged = any(len(there.numbers) > 1 for there in inside)
    order = {numbers: index for index, numbers in enumerate(sorted({there.numbers for there in inside}))}
    return [
        (there, order[there.numbers] if staged else there.numbers[0] if there.numbers else None) for there in inside
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
    known = {stack: side(stack[0]) if stack[1] is None else WAYS[stack[1]] for stack in stacks}
    found: dict[Stack, str] = {}
    for stack, told in known.items():
        alike = [other for other, words in known.items() if words == told]
        most = sorted((stacks[other] for other in alike), reverse=True)
        main = len(alike) > 1 and stacks[stack] == most[0] >= MAIN * most[1]
        if len(alike) > 1 and not main:
            common = set[str]().intersection(*()) if not alike else set.intersection(*(set(s[0]) for s in alike))
            own = [word for word in stack[0] if word not in common]
            way = "" if stack[1] is None else WAYS[stack[1]]
            told = f"{' '.join(own[-3:])} {way}".strip() or told
        elif told in PLAIN and not (told == "Encoder" and "Decoder" in known.values()):
            told = ""
        found[stack] = told
    return found


def side(words: Iterable[str]) -> str:
    """The first known side that a name's words tell: "Vision" before "Encoder"; "" where they tell none."""
    words = list(words)
    if words[-1:] == ["blk"] and words[0] in GGUF_SIDES:
        return GGUF_SIDES[words[0]]
    told = [SIDES[word.lower()] for word in words if word.lower() in SIDES]
    return next((word for word in told if word not in ("Encoder", "Decoder")), told[-1] if told else "")
