"""The four experiments, each with the rule that it tries and the two arms that it compares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from examples.prescriptions import quantisation, resize, sparsity, trainable
from examples.prescriptions.subject import Subject
from examples.prescriptions.trials import Trial


@dataclass(frozen=True, slots=True)
class Experiment:
    """One comparison. `kind` is the rule's; `rule` and `other` are arms."""

    kind: str
    comparison: str  # in words, for the middle of a sentence
    rule: str
    other: str
    units: tuple[str, str]  # of LLaMA's score and of MiniLM's
    trials: Callable[[Subject, Path], list[Trial]]


OWN, TASK = ("nats a byte", "1 − ρ"), ("nats a byte", "nats a text")
EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "sparsity", "AlphaPruning's sparsities against uniform ones", sparsity.RULE, sparsity.OTHER, OWN,
        sparsity.trials,
    ),
    Experiment(
        "lora-rank", "adapters resized by energy against their first directions as stored, at the same ranks",
        resize.RULE, resize.OTHER, TASK, resize.trials,
    ),
    Experiment(
        "trainable", "a short training of Spectrum's quarter of the layers against a random quarter", trainable.RULE,
        trainable.OTHER, TASK, trainable.trials,
    ),
    Experiment(
        "quantisation", "the ignore list against random lists of the same size, at int4", quantisation.RULE,
        quantisation.OTHER, OWN, quantisation.trials,
    ),
)  # fmt: skip


def experiment(kind: str) -> Experiment:
    return next(each for each in EXPERIMENTS if each.kind == kind)
