"""A prescription as anyone gets it: the folder of files that `eigenscope prescribe` writes, and the record in it."""

import json
from pathlib import Path
from typing import Any

from analysis.formats import open_checkpoint
from analysis.prescriptions import rule
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import RECORD
from analysis.prescriptions.writing import write


def prescribe(kind: str, checkpoint: Path, out: Path, **options: object) -> dict[str, Any]:
    """The record of the rule's answer for this checkpoint; its files lie beside it in the folder."""
    known = rule(kind)
    members = Members((open_checkpoint([checkpoint]),), (checkpoint.stem,))
    write(known.prescribe(members, known.settings(options)), out)
    record: dict[str, Any] = json.loads((out / RECORD).read_text())
    return record
