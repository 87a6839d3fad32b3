"""How a family says that it was trained, and where its numbers may mean something else than the law takes them for.

The law is of AdamW with PyTorch's weight decay and of the learning rate that the matrices got. What looks otherwise is
asked about, and until it is answered nothing is held against the law.
"""

from collections.abc import Mapping, Sequence

from analysis.diagnostic import Scalar
from analysis.width_scaling.law import Setting

Facts = Sequence[Mapping[str, Scalar]]
# an optimizer that treats the matrices, whatever AdamW beside it does with the rest
OTHERS = (
    "muon", "lion", "sgd", "adafactor", "shampoo", "soap", "sophia", "lamb", "lars", "rmsprop", "adagrad", "prodigy",
    "schedule", "ademamix", "stableadamw", "galore", "apollo",
)  # fmt: skip
# decay of PyTorch's AdamW is 0.01 by default; one far below it and no larger than η acts on nothing in any training
TINY = 0.005
TIMES_RATE = 3.0
SAME = 1e-6  # relative difference of two learning rates that are one


def other_optimizers(facts: Facts) -> list[str]:
    """The optimizers named in the facts that are not AdamW.

    >>> other_optimizers([{"optimizer": "adamw_torch_fused"}, {"optimizer": "Muon"}])
    ['Muon']
    """
    named = {str(found) for fact in facts if (found := fact.get("optimizer"))}
    return sorted(name for name in named if not is_adamw(name))


def is_adamw(name: str) -> bool:
    """Whether the name of an optimizer is one of AdamW's: "adamw_torch", "torch.optim.AdamW", "paged_adamw_8bit"."""
    told = name.lower()
    return "adamw" in told.replace("adam_w", "adamw") and not any(other in told for other in OTHERS)


def form_of(facts: Mapping[str, Scalar]) -> str:
    """Which form of weight decay is stated: "independent", "pytorch", or nothing."""
    told = str(facts.get("decay_form") or "").lower()
    return "independent" if told.startswith("independent") else "pytorch" if told else ""


def looks_independent(settings: Sequence[Setting], facts: Facts) -> bool:
    """Whether the weight decays may be of w ← w − λ w: tiny in all models, and nobody says which form they have."""
    known = [(s.learning_rate, s.weight_decay) for s in settings if s.learning_rate and s.weight_decay]
    tiny = [decay < TINY and decay < TIMES_RATE * rate for rate, decay in known]
    return bool(tiny) and all(tiny) and not any(map(form_of, facts))


def is_one_rate(settings: Sequence[Setting], facts: Facts) -> bool:
    """Whether models of several widths say one learning rate, and nobody says in which parametrisation."""
    rates = [s.learning_rate for s in settings]
    if None in rates or len({s.width for s in settings}) < 2 or any(fact.get("parametrisation") for fact in facts):
        return False
    told = [rate for rate in rates if rate is not None]
    return max(told) - min(told) <= SAME * max(told)
