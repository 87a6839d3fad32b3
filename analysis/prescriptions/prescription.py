"""What a prescription is: a published rule as one frozen record, and what it says of some checkpoints.

A `Rule` declares its options, its source and the files that it writes, and computes an `Answer` from `Members`. To add
one, write a module or a folder in `analysis/prescriptions/` and name its rule in `PRESCRIPTIONS` there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis.diagnostic import Option, Options, Scalar, settle
from analysis.errors import WrongMembers
from analysis.findings.wording import quantity
from analysis.prescriptions.members import Members

RECORD = "prescription.json"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why the measured differences between layers do not carry a choice, and the choice that treats all alike."""

    reason: str
    uniform: Scalar  # the value that every entry would have


@dataclass(frozen=True)
class Answer:
    """What a rule says. `entries` has one value for each tensor that the rule decides on, by its name in the file."""

    entries: Mapping[str, Scalar]
    estimator: str = ""  # "" where the rule uses no exponent
    details: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)  # more numbers about an entry
    extra: Mapping[str, Any] = field(default_factory=dict)  # more keys of the record, as JSON
    notes: tuple[str, ...] = ()
    doubt: Doubt | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)  # path in the folder, with "/" → what is in it
    folders: tuple[Callable[[Path], None], ...] = ()  # each writes large files into the folder that it is given


@dataclass(frozen=True)
class Prescription:
    """An answer with where it comes from: what `prescription.json` holds."""

    kind: str
    parameters: Mapping[str, Scalar]
    report: str  # sha-256 of the report or of the checkpoints that it was computed from
    validated_on: str
    answer: Answer

    @property
    def entries(self) -> Mapping[str, Scalar]:
        return self.answer.entries

    def to_json(self) -> dict[str, Any]:
        """The record, without the foreign files."""
        answer, doubt = self.answer, self.answer.doubt
        return {
            "kind": self.kind,
            "eigenscope": version("eigenscope"),
            "estimator": answer.estimator or None,
            "parameters": dict(self.parameters),
            "report": self.report,
            "validated_on": self.validated_on,
            "entries": dict(answer.entries),
            **({"details": {name: dict(row) for name, row in answer.details.items()}} if answer.details else {}),
            **({"doubt": {"reason": doubt.reason, "uniform": doubt.uniform}} if doubt else {}),
            **answer.extra,
            "notes": list(answer.notes),
        }


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a rule writes beside the record, and the tool that reads it."""

    file: str
    tool: str
    meaning: str


@dataclass(frozen=True)
class Rule:
    """A published rule that decides something for each layer."""

    name: str
    title: str
    reference: str  # paper and section, code and commit
    description: str
    inputs: str  # in words: which checkpoints, in which order
    value: str  # what an entry's value is: "rank", "sparsity"
    validated_on: str  # one sentence: where it was tried, by whom
    compute: Callable[[Members, Options], Answer]
    options: tuple[Option, ...] = ()
    outputs: tuple[Output, ...] = ()
    fewest: int = 1  # checkpoints
    most: int | None = 1  # None: any number
    optimizer: bool = False  # reads the state of an optimizer where one is given
    weights: bool = False  # needs the weights, so that the tables of a report are not enough

    def settings(self, asked: Mapping[str, object]) -> Options:
        """Every option's value: as asked, or its default. Raises OptionError."""
        return settle(self.name, self.options, asked)

    def prescribe(self, members: Members, options: Options) -> Prescription:
        """What the rule says of these checkpoints. Raises PrescriptionError, CheckpointError and TensorError."""
        self.check_members(members)
        answer = self.compute(members, options)
        if not self.weights:  # rules on weights know their grids, and say what they do to the rule
            answer = replace(answer, notes=(*answer.notes, *_grid_note(answer.entries, members.dequantised())))
        return Prescription(self.name, dict(options), members.digest, self.validated_on, answer)

    def check_members(self, members: Members) -> None:
        """Raises WrongMembers where there are too few or too many, or a report alone where weights are needed."""
        count = len(members.checkpoints)
        if members.report is not None and not count:
            if self.weights:
                raise WrongMembers(f"{self.name} reads the weights: give {self.inputs}, not a report alone")
            return
        if count < self.fewest or (self.most is not None and count > self.most):
            raise WrongMembers(f"{self.name} takes {self.inputs}, not {quantity(count, 'checkpoint')}")


def _grid_note(entries: Mapping[str, Scalar], dequantised: Sequence[str]) -> list[str]:
    """What is said where tensors that the rule decides on are dequantised."""
    names = [name for name in dequantised if name in entries]
    count = quantity(len(names), "tensor")
    return [f"{count} dequantised: the rounding of the grid is in their spectra, as in {names[0]}."] if names else []
