"""A run's checkpoints as the analysis takes them: their tensors, names and facts, in the run's order."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from analysis.engine.comparison import distinct
from analysis.other_tensors import OtherTensors
from analysis.tensors.matching import Member
from analysis.tensors.others import compare_listed
from analysis.weight import TensorInfo
from app import checkpoints
from app.db import Session
from app.models import Run

NAMES = frozenset(field.name for field in fields(TensorInfo))


def tensor_info(stored: Mapping[str, Any]) -> TensorInfo:
    """A TensorInfo out of its JSON."""
    values = {name: value for name, value in stored.items() if name in NAMES}
    return TensorInfo(**{**values, "shape": tuple(stored["shape"])})


def members_of(session: Session, run: Run) -> list[Member]:
    """The run's checkpoints as the analysis knows them; without tensors where they are not ready."""
    return [
        Member(
            "adapter" if member.checkpoint.kind == "adapter" else "model",
            [tensor_info(record) for record in checkpoints.tensors(session, member.checkpoint_id)],
            member.checkpoint.facts,
        )
        for member in run.members
    ]


def others_of(session: Session, run: Run) -> tuple[OtherTensors | None, ...]:
    """How the tensors that are no matrices compare with the first checkpoint's, by digest; None of an adapter."""
    members = members_of(session, run)
    bases = [None, *(members[0] if one.kind == members[0].kind == "model" else None for one in members[1:])]
    pairs = zip(bases, members, strict=True)
    return tuple(None if base is None else compare_listed(base.tensors, one.tensors) for base, one in pairs)


def names_of(run: Run) -> tuple[str, ...]:
    """What readers call the run's checkpoints, no two the same."""
    return distinct([member.checkpoint.name for member in run.members])


def facts_of(run: Run) -> tuple[Mapping[str, Any], ...]:
    """What is known about the run's checkpoints, in their order."""
    return tuple(member.checkpoint.known for member in run.members)


def file_facts_of(run: Run) -> tuple[Mapping[str, Any], ...]:
    """What the files of the run's checkpoints say of them, in their order."""
    return tuple(member.checkpoint.facts for member in run.members)
