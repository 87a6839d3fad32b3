"""What to do about intruder dimensions: how strong to leave them, which of them, and what to write."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.diagnostic import Option
from analysis.errors import OptionError, escape

# λ, k and ε as in peft.tuners.lora.intruders.reduce_intruder_dimension (PEFT 0.21), whose docstring turns λ around
OPTIONS = (
    Option(
        "lambda",
        0.75,
        "What is left of each intruder: 1 changes nothing, 0 removes it, 0.75 leaves three quarters, above 1 "
        "amplifies.",
        minimum=0.0,
        maximum=10.0,
    ),
    Option(
        "k", 10, "How many of the strongest directions of each tuned matrix are looked at.", minimum=1.0, maximum=64.0
    ),
    Option(
        "epsilon", 0.5, "An intruder resembles every direction of the base less than this.", minimum=0.0, maximum=1.0
    ),
    Option(
        "only",
        "all",
        "“all” intruders among the k, as PEFT does; the “strongest” of each matrix, as the paper does; or “guarded”: "
        "without those that only rotated among base directions of nearly equal strength, which the base had.",
        choices=("all", "strongest", "guarded"),
    ),
    Option(
        "form",
        "auto",
        "“adapter”: a LoRA adapter again. “weights”: whole tensors, in place of the base's. “auto”: an adapter "
        "where the tuned checkpoint is a LoRA adapter, else weights.",
        choices=("auto", "adapter", "weights"),
    ),
)
RANK = Option(
    "rank",
    1,
    "The highest rank of a mitigated module of an adapter. Its own rank is kept at least, and no more is used than "
    "the intruders need. Default: its own rank.",
    minimum=1.0,
    maximum=65536.0,
)


@dataclass(frozen=True, slots=True)
class MitigationOptions:
    """How to mitigate a tuned checkpoint. `OPTIONS` says what each means."""

    factor: float = 0.75  # λ
    k: int = 10
    epsilon: float = 0.5
    only: str = "all"
    form: str = "auto"
    rank: int | None = None

    @classmethod
    def of(cls, options: Mapping[str, object]) -> "MitigationOptions":
        """What these options make, λ among them as "lambda". Raises OptionError."""
        values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
        by_name = {option.name: option for option in (*OPTIONS, RANK)}
        for name, value in options.items():
            if name not in by_name:
                raise OptionError(f"a mitigation has no option {escape(name)}; it has: {', '.join(by_name)}")
            if name != "rank" or value is not None:
                values[name] = by_name[name].check(value)
        return cls(factor=values.pop("lambda"), **values)

    def to_json(self) -> dict[str, float | int | str | None]:
        """The same options again, by their names."""
        return {
            "lambda": self.factor,
            "k": self.k,
            "epsilon": self.epsilon,
            "only": self.only,
            "form": self.form,
            "rank": self.rank,
        }
