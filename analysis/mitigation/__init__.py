"""Intruder dimensions made smaller: a tuned checkpoint in, a mitigated adapter or mitigated weights out.

`write_mitigated` is the one entry: `MitigationOptions` says what to do, `MitigationReport` what was done.
"""

from analysis.mitigation.mitigate import write_mitigated
from analysis.mitigation.options import OPTIONS, RANK, MitigationOptions
from analysis.mitigation.report import MitigatedWeight, MitigationReport
from analysis.mitigation.resume import Memory

__all__ = ["OPTIONS", "RANK", "Memory", "MitigatedWeight", "MitigationOptions", "MitigationReport", "write_mitigated"]
