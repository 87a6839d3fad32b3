"""The models of a family, with their settings and the weight decay that would bring σ₁ back."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.width_scaling.advice import repairs
from analysis.width_scaling.family import Family, Scaling
from analysis.width_scaling.law import STEADY
from frontend import numbers
from frontend.states import Look as Sign

STATES = {True: Sign("tick", "good", "steady"), False: Sign("triangle", "warn", "not steady")}


@dataclass(frozen=True, slots=True)
class Member:
    id: int
    name: str
    width: str
    rate: str
    decay: str
    steps: str
    steady: str
    state: Sign | None
    repair: str  # the λ that would bring its σ₁ back


def list_members(fits: Scaling, ids: Sequence[int]) -> list[Member]:
    """Every model; `ids` are those of their checkpoints, 0 where there is none."""
    decays = repairs(fits)
    return [
        _member(fits.family, index, ids[index] if index < len(ids) else 0, decays.get(index))
        for index in range(len(fits.family.names))
    ]


def _member(family: Family, at: int, identity: int, repair: float | None) -> Member:
    setting = family.settings[at]
    steps = setting.steps_eta_lambda
    return Member(
        id=identity,
        name=family.names[at],
        width=f"{setting.width:g}",
        rate=numbers.setting(setting.learning_rate),
        decay=numbers.setting(setting.weight_decay),
        steps=numbers.setting(setting.step),
        steady=numbers.setting(steps),
        state=None if steps is None else STATES[steps >= STEADY],
        repair="" if repair is None else f"{repair:.3g}",
    )
