"""How a checkpoint was trained, as the files beside it say: trainer_state.json and training arguments in JSON.

What a file of weights says itself is read by `analysis.formats.pytorch.settings`, with the same names.

`training_args.bin` is a pickle of the trainer's own classes: reading it would run code, so it never is.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from analysis.formats.hostile_json import plain, read_if_small
from analysis.formats.stored import Fact

STATE = "trainer_state.json"  # of the Hugging Face Trainer
ARGUMENTS = ("training_args.json", "training_arguments.json", "train_args.json", "args.json", "hparams.json")
LARGEST_STATE = 2**23  # bytes: the log of a long run has some megabytes
LARGEST_ARGUMENTS = 2**20

# fact -> where arguments keep it, the Trainer's name first
KEYS = MappingProxyType(
    {
        "learning_rate": ("learning_rate", "lr"),
        "weight_decay": ("weight_decay", "wd"),
        "optimizer": ("optim", "optimizer"),
        "schedule": ("lr_scheduler_type", "lr_scheduler", "lr_decay_style", "schedule"),
        "parametrisation": ("parametrization", "parametrisation"),
    }
)
OF_LOG = "the highest in the log"
NUMBERS = ("learning_rate", "weight_decay")


def training_facts(folder: Path) -> dict[str, Fact]:
    """What the files in the folder say of the training; nothing where they are absent or make no sense."""
    state = read_if_small(folder / STATE, LARGEST_STATE)
    arguments = next((facts for name in ARGUMENTS if (facts := read_if_small(folder / name, LARGEST_ARGUMENTS))), {})
    facts = argument_facts(arguments)
    if (step := positive(state.get("global_step"))) is not None:
        facts["step"] = step
    if (mean := _mean_rate(state.get("log_history"))) is not None:
        facts["mean_learning_rate"] = mean
        if "learning_rate" not in facts:
            facts |= {"learning_rate": _highest_rate(state["log_history"]), "learning_rate_from": OF_LOG}
    return facts


def argument_facts(arguments: Mapping[str, Any]) -> dict[str, Fact]:
    """What arguments of a training say, by the names that trainers have for it."""
    told = {fact: _pick_fact(fact, arguments, names) for fact, names in KEYS.items()}
    found: dict[str, Fact] = {fact: value for fact, value in told.items() if value is not None}
    if found.get("optimizer") == "adam" and arguments.get("decoupled_weight_decay") is True:  # Megatron's name of it
        found["optimizer"] = "AdamW"
    return found


def positive(value: object, zero: bool = False) -> int | float | None:
    """The value, where it is a number above 0, or 0 itself where that is allowed."""
    number = _number(value)
    return number if number is not None and (number > 0 or (zero and number == 0)) else None


def _pick_fact(fact: str, arguments: Mapping[str, Any], names: Sequence[str]) -> Fact:
    value = next((arguments[name] for name in names if arguments.get(name) is not None), None)
    if fact in NUMBERS:
        return positive(value, zero=fact == "weight_decay")
    return plain(value) if isinstance(value, str) and value else None


def _number(value: object) -> int | float | None:
    """The value, where it is a number that JSON and a database can keep."""
    number = plain(value)
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def _highest_rate(log: Sequence[Any]) -> float | None:
    """The highest learning rate that is logged: the peak, where no step was higher than those logged."""
    rates = [positive(entry.get("learning_rate")) for entry in log if isinstance(entry, dict)]
    return max((rate for rate in rates if rate is not None), default=None)


def _mean_rate(log: object) -> float | None:
    """The logged learning rates, each for the steps since the one before; None where fewer than two are logged.

    A log that starts late says nothing of the steps before it: those get the first rate that it has.
    """
    if not isinstance(log, list):
        return None
    entries = [(_number(e.get("step")), _number(e.get("learning_rate"))) for e in log if isinstance(e, dict)]
    points = [(step, rate) for step, rate in entries if step is not None and rate is not None]
    steps = [0, *(step for step, _ in points)]
    if len(points) < 2 or any(later <= before for before, later in pairwise(steps)):
        return None
    mean = sum(rate * (later - before) for (_, rate), (before, later) in zip(points, pairwise(steps), strict=True))
    return float(mean / steps[-1]) if mean > 0 else None
