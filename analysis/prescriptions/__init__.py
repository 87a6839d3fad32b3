"""What to do about a report, as files that other tools read: one declared rule each. `PRESCRIPTIONS` registers them."""

from analysis.errors import OptionError, escape
from analysis.prescriptions.interference.rule import INTERFERENCE
from analysis.prescriptions.layerwise.learning_rate import LEARNING_RATE
from analysis.prescriptions.layerwise.weight_decay import WEIGHT_DECAY
from analysis.prescriptions.lineage.rule import LINEAGE
from analysis.prescriptions.lora_rank.rule import LORA_RANK
from analysis.prescriptions.monitor.rule import MONITOR
from analysis.prescriptions.prescription import Rule
from analysis.prescriptions.quantisation.rule import QUANTISATION
from analysis.prescriptions.ranks.rule import RANKS
from analysis.prescriptions.slices.rule import SLICES
from analysis.prescriptions.sparsity.rule import SPARSITY
from analysis.prescriptions.trainable import TRAINABLE
from analysis.prescriptions.traps.rule import TRAPS

__all__ = ["PRESCRIPTIONS", "Rule", "rule"]

PRESCRIPTIONS: tuple[Rule, ...] = (
    LORA_RANK,
    TRAINABLE,
    SPARSITY,
    LEARNING_RATE,
    WEIGHT_DECAY,
    QUANTISATION,
    INTERFERENCE,
    MONITOR,
    RANKS,
    SLICES,
    LINEAGE,
    TRAPS,
)


def rule(kind: str) -> Rule:
    """The rule of that kind. Raises OptionError, which names those there are."""
    for entry in PRESCRIPTIONS:
        if entry.name == kind:
            return entry
    raise OptionError(f"there is no rule {escape(kind)}; there are: {', '.join(r.name for r in PRESCRIPTIONS)}")
