"""The facts about a checkpoint that people may state: how wide it is, and how it was trained.

Files state facts too (analysis.formats). What people state goes before, and what contradicts is told.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from analysis.errors import FactError, escape

if TYPE_CHECKING:  # the main process of a worker knows facts, and does without torch
    from analysis.diagnostic import Scalar

LARGEST = 2.0**53  # what JSON keeps of a whole number
LONGEST = 100  # characters of a word
VISIBLE = "[!-~]"  # a word has at least one such character
SAME = 1e-3  # relative difference of two numbers that say the same
# facts by which the reader says what is odd about the files; only it may state them
MISSING_INDEX, EXTRA_TENSORS, REPEATED_TENSORS, LINKS = FILE_NOTES = (
    "missing_index", "extra_tensors", "repeated_tensors", "archive_links",
)  # fmt: skip
# facts that stay as they are during one training
SETTINGS = (
    "width", "depth", "learning_rate", "weight_decay", "decay_form", "optimizer", "schedule", "parametrisation",
    "method", "rank", "base_model",
)  # fmt: skip
Stated = dict[str, float | str]
Changes = dict[str, float | str | None]  # None takes back what was stated


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact by the name that it is stored under, and those that the command line knows it by."""

    name: str
    title: str
    meaning: str
    short: tuple[str, ...] = ()
    words: bool = False  # text, and no number
    zero: bool = False  # whether 0 makes sense
    whole: bool = False  # a count


FACTS = (
    Fact("width", "Width", "d, the hidden size. Without it, it is taken from the shapes.", ("d",)),
    Fact("depth", "Depth", "How many blocks.", whole=True),
    Fact("learning_rate", "Learning rate", "η: the peak that the matrices got.", ("lr",)),
    Fact("weight_decay", "Weight decay", "λ as PyTorch's AdamW takes it: w ← w − η λ w.", ("wd",), zero=True),
    Fact(
        "decay_form",
        "Form of the weight decay",
        "pytorch: w ← w − η λ w; independent: w ← w − λ w.",
        ("decay",),
        words=True,
    ),
    Fact("step", "Steps", "Steps of the optimizer up to this checkpoint.", ("steps",), whole=True),
    Fact("mean_learning_rate", "Mean learning rate", "η over all steps, where the schedule changes it.", ("mean_lr",)),
    Fact("optimizer", "Optimizer", "The law is of AdamW.", words=True),
    Fact("schedule", "Schedule", "Of the learning rate: constant, cosine, …", words=True),
    Fact("parametrisation", "Parametrisation", "standard, or μP.", ("parametrization",), words=True),
)
BY_NAME: Mapping[str, Fact] = {name: fact for fact in FACTS for name in (fact.name, *fact.short)}


def check_facts(fields: Mapping[str, object]) -> Changes:
    """The facts under their own names. Raises FactError, which names the fact, the value and what is taken.

    >>> check_facts({"lr": 0.001, "optimizer": " AdamW ", "wd": None})
    {'learning_rate': 0.001, 'optimizer': 'AdamW', 'weight_decay': None}
    """
    changes: Changes = {}
    for name, value in fields.items():
        fact = BY_NAME.get(name)
        if fact is None:
            raise FactError(f"there is no fact {escape(name)!r}; there are {', '.join(BY_NAME)}")
        if fact.name in changes:
            raise FactError(f"{fact.name} is given twice")
        changes[fact.name] = None if value is None else _word(fact, value) if fact.words else _number(fact, value)
    return changes


def parse_facts(text: str) -> Stated:
    """Facts as the command line and an upload's `facts` have them. Raises FactError.

    >>> parse_facts("width=256,lr=1e-3,schedule=cosine")
    {'width': 256.0, 'learning_rate': 0.001, 'schedule': 'cosine'}
    """
    values: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise FactError(f"{escape(part)!r} is not NAME=VALUE with one of the names {', '.join(BY_NAME)}")
        if name in values:
            raise FactError(f"{escape(name)} is given twice")
        values[name] = value
    return {name: value for name, value in facts_from_fields(values).items() if value is not None}


def facts_from_fields(fields: Mapping[str, str]) -> Changes:
    """Facts as they are typed: a number in digits, nothing to take one back. Raises FactError."""
    return check_facts({name: _read(BY_NAME.get(name), text.strip()) for name, text in fields.items()})


def effective(found: Mapping[str, "Scalar"], stated: Mapping[str, "Scalar"]) -> dict[str, "Scalar"]:
    """What is known: what the files say, and before that what people say."""
    return {**found, **stated}


def find_contradictions(found: Mapping[str, "Scalar"], stated: Mapping[str, "Scalar"]) -> Iterator[str]:
    """The facts of which people say something else than the files."""
    for name, value in stated.items():
        if name in found and not _same(found[name], value):
            yield name


def series_steps(known: "Sequence[Mapping[str, Scalar]]") -> tuple[float, ...] | None:
    """The steps of checkpoints that may be of one training; None where they are no series.

    They are one where each states a step, no two the same, and no two state different values of a setting.

    >>> series_steps([{"step": 400, "rank": 8}, {"step": 800}]), series_steps([{"step": 400, "rank": 8}, {}])
    ((400.0, 800.0), None)
    """
    steps = [float(step) for facts in known if _is_number(step := facts.get("step"))]
    if len(known) < 2 or len(set(steps)) < len(known) or any(_differ(known, name) for name in SETTINGS):
        return None
    return tuple(steps)


def _differ(known: "Sequence[Mapping[str, Scalar]]", name: str) -> bool:
    """Whether two of them state different values of this fact."""
    values = [facts[name] for facts in known if facts.get(name) is not None]
    return any(not _same(values[0], value) for value in values[1:])


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(fact: Fact | None, text: str) -> object:
    """A number where one is wanted and can be read; the text itself is refused with the reason later."""
    if not text:
        return None
    if fact is None or fact.words:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _number(fact: Fact, value: object) -> float:
    if not _is_number(value):
        raise FactError(f"{fact.name} must be a number, not {escape(value)!r}")
    if isinstance(value, float) and math.isnan(value):
        raise FactError(f"{fact.name} must be a number, not NaN")
    if not (0.0 < value < LARGEST or (value == 0 and fact.zero)):
        limit = "0 or more" if fact.zero else "above 0"
        text = f"{value:g}" if abs(value) < LARGEST else "that large"
        raise FactError(f"{fact.name} must be {limit}, not {text}")
    if fact.whole and value != int(value):
        raise FactError(f"{fact.name} is a count and must be a whole number, not {value:g}")
    return float(value)


def _word(fact: Fact, value: object) -> str:
    if not isinstance(value, str):
        raise FactError(f"{fact.name} must be text, not {escape(repr(value))}")
    if len(value) > LONGEST or not re.search(VISIBLE, value):
        raise FactError(f"{fact.name} must have a letter, digit or sign, and at most {LONGEST} characters")
    return "".join(letter for letter in value.strip() if letter.isprintable())


def _same(one: "Scalar", other: "Scalar") -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=SAME)
    return str(one).casefold() == str(other).casefold()
