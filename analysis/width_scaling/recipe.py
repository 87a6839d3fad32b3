"""Settings for a wider model, from those of a narrow one that is well tuned: what the width law makes of them.

With η ∝ 1/d and λ ∝ √d for matrices, and η constant with λ = 0 for vectors, σ₁ and each layer's gain stay the same at
every width (Fan et al., arXiv 2510.15262). λ is PyTorch's: AdamW does w ← w - η λ w, so λ acts through η. Where a
framework decays independently, w ← w - λ w, its λ is PyTorch's times η.
"""

from dataclasses import dataclass

from analysis.diagnostic import Scalar
from analysis.errors import OptionError

VECTORS = "norm gains, biases and embeddings"
MATRICES = "attention and MLP matrices"
HEAD = "the output head, which the law does not cover: tune it"


@dataclass(frozen=True, slots=True)
class Recipe:
    """AdamW's settings for a model of width `width`, in PyTorch's form of weight decay."""

    width: int
    learning_rate: float  # of matrices
    weight_decay: float
    vector_learning_rate: float
    head_learning_rate: float  # as in the narrow model
    head_weight_decay: float
    from_width: int

    def groups(self) -> list[dict[str, Scalar]]:
        """A parameter group for each class of parameters."""
        return [
            {"params": "matrices", "what": MATRICES, "lr": self.learning_rate, "weight_decay": self.weight_decay},
            {"params": "vectors", "what": VECTORS, "lr": self.vector_learning_rate, "weight_decay": 0.0},
            {"params": "head", "what": HEAD, "lr": self.head_learning_rate, "weight_decay": self.head_weight_decay},
        ]

    def to_json(self) -> dict[str, object]:
        return {
            "width": self.width,
            "from_width": self.from_width,
            "optimizer": "AdamW",
            "weight_decay_form": "decoupled, w <- w - lr * weight_decay * w",
            "independent_weight_decay": independent(self.weight_decay, self.learning_rate),
            "groups": self.groups(),
        }

    def to_python(self) -> str:
        """PyTorch's parameter groups, to be pasted."""
        lines = [
            f"    # {item['what']}\n"
            f'    {{"params": {item["params"]}, "lr": {item["lr"]:.6g}, "weight_decay": {item["weight_decay"]:.6g}}},'
            for item in self.groups()
        ]
        return "\n".join([f"# width {self.width}, from width {self.from_width}", "torch.optim.AdamW([", *lines, "])"])


def transfer_recipe(width: float, learning_rate: float, weight_decay: float, target: int) -> Recipe:
    """The recipe of a model of this width for one of the target's: η d/D for matrices, λ √(D/d).

    Raises OptionError where a number makes no sense.
    """
    for name, value in (("width", width), ("learning rate", learning_rate), ("target width", float(target))):
        if not value > 0.0:
            raise OptionError(f"the {name} must be more than 0, not {value:g}")
    if weight_decay < 0.0:
        raise OptionError(f"the weight decay must not be negative, not {weight_decay:g}")
    times = target / width
    return Recipe(
        width=target,
        learning_rate=learning_rate / times,
        weight_decay=weight_decay * times**0.5,
        vector_learning_rate=learning_rate,
        head_learning_rate=learning_rate,
        head_weight_decay=weight_decay,
        from_width=round(width),
    )


def repair_decay(weight_decay: float, ratio: float) -> float:
    """The λ that brings σ₁ back where it is `ratio` times too large, at the same η: λ R², for σ₁ ∝ 1/√λ.

    >>> repair_decay(0.1, 2.0)
    0.4
    """
    return weight_decay * ratio**2


def independent(weight_decay: float, learning_rate: float) -> float:
    """PyTorch's λ as an independent one, w ← w - λ w at the peak of the schedule: η λ."""
    return weight_decay * learning_rate


def decouple_decay(independent_decay: float, learning_rate: float) -> float:
    """An independent λ, w ← w - λ w, as PyTorch's: λ / η. Raises OptionError where η is not above 0."""
    if not learning_rate > 0.0:
        raise OptionError(f"an independent weight decay needs a learning rate above 0, not {learning_rate:g}")
    return independent_decay / learning_rate
