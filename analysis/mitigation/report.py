"""What a mitigation did: intruders before and after, matrix by matrix, and what the low rank lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from analysis.mitigation.formula import energy_lost
from analysis.mitigation.options import MitigationOptions
from analysis.weight import WeightInfo


@dataclass(frozen=True, slots=True)
class Energy:
    """Of one module of an adapter: its rank before and after, Σσ² of the new update, and how much of it was kept."""

    rank_before: int
    rank: int
    energy: float
    kept: float

    @property
    def lost(self) -> float:
        """0 to 1: the share of the mitigated update that the rank, and the file's dtype, do not hold."""
        return energy_lost(self.kept, self.energy)


@dataclass(frozen=True, slots=True)
class MitigatedWeight:
    """One matrix. `before` and `after` count its intruders; None where they could not be had, and `note` says why.

    `after` is counted in the file that was written. `energy`: where an adapter's module was written anew.
    """

    weight: WeightInfo
    before: int | None
    after: int | None
    energy: Energy | None = None
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        energy = self.energy
        return {
            "weight": self.weight.name,
            "label": self.weight.label,
            "shape": [self.weight.rows, self.weight.columns],
            "before": self.before,
            "after": self.after,
            "rank_before": energy and energy.rank_before,
            "rank": energy and energy.rank,
            "energy_lost": energy and energy.lost,
            "note": self.note,
        }


@dataclass(frozen=True)
class MitigationReport:
    """A mitigation that was written."""

    recipe: MitigationOptions
    form: str  # "adapter" or "weights"
    files: tuple[str, ...]
    weights: tuple[MitigatedWeight, ...]  # every matrix that was compared with the base
    left_out: tuple[str, ...] = ()  # what the tuned checkpoint says and this form cannot

    @property
    def before(self) -> int:
        return sum(entry.before or 0 for entry in self.weights)

    @property
    def after(self) -> int:
        return sum(entry.after or 0 for entry in self.weights)

    @property
    def changed(self) -> tuple[MitigatedWeight, ...]:
        """The matrices that had an intruder."""
        return tuple(entry for entry in self.weights if entry.before)

    @property
    def energy_lost(self) -> float | None:
        """Of all changed modules together; None where none was brought back to a rank."""
        energies = {entry.weight.tensor: entry.energy for entry in self.weights if entry.energy is not None}
        return (
            energy_lost(_sum([e.kept for e in energies.values()]), _sum([e.energy for e in energies.values()]))
            if energies
            else None
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_json(),
            "form": self.form,
            "files": list(self.files),
            "before": self.before,
            "after": self.after,
            "matrices": len(self.weights),
            "matrices_with": len(self.changed),
            "energy_lost": self.energy_lost,
            "weights": [entry.to_json() for entry in self.weights],
            "left_out": list(self.left_out),
        }


def _sum(numbers: Sequence[float]) -> float:
    return float(sum(numbers))
