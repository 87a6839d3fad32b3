"""Which tensor of a tuned checkpoint is which tensor of its base, from names and shapes alone."""

from analysis.tensors.matching.align import align, check_base
from analysis.tensors.matching.alignment import Aligned, Alignment, Member, Unmatched

__all__ = ["Aligned", "Alignment", "Member", "Unmatched", "align", "check_base"]
