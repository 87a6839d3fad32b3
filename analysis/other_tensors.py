"""Tensors that no diagnostic measures, such as norms, biases and counters, compared by value or by digest.

Two checkpoints are only the same where these are too: a model of which norms alone were trained has every matrix of
its base.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtherTensors:
    """How those of a tuned checkpoint compare with its base's."""

    same: int
    changed: tuple[str, ...]  # in both, with other values, another shape, or in one of them unreadable
    alone: tuple[str, ...]  # tensors of either, of any kind, that the other does not have
    digest: str  # of the fine-tuned model's: equal for two checkpoints where all of these are
    unread: tuple[str, ...] = ()  # in both, and not compared: too long for a digest, or taken in by an older version

    @property
    def are_equal(self) -> bool:
        return not self.changed and not self.alone and not self.unread
