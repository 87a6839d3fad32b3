"""Which layers a rule scales: linear layers and convolutions in module order, without the ends and small ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.diagnostic import Row
from analysis.errors import PrescriptionError
from analysis.findings.wording import join_words, quantity
from analysis.prescriptions.exponents import Exponent, exponents, rows_of
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import in_module_order

FEWEST = 50  # eigenvalues, as in the authors' code
TABLES = ("embedding", "position")  # nn.Embedding, which is no nn.Linear
TIED = ("ForCausalLM", "LMHeadModel", "ForMaskedLM", "ForConditionalGeneration")


@dataclass(frozen=True)
class Scaled:
    """The layers with their exponents in module order, and in words which were left at the base value."""

    layers: tuple[Exponent, ...]
    ends: tuple[str, ...]  # tensors that are first or last, or embeddings and heads
    notes: tuple[str, ...]


def scaled_layers(members: Members, estimator: str) -> Scaled:
    """Without the first and the last linear layer and those with fewer than 50 eigenvalues.

    Raises PrescriptionError where no layer is left, UnmeasuredLayer where one has no exponent.
    """
    rows = in_module_order([row for row in rows_of(members, estimator) if row.weight.role not in TABLES])
    names = list(dict.fromkeys(row.weight.tensor for row in rows))
    ends = {*names[:1], *(() if _has_tied_head(members, rows) else names[-1:])}
    inner = [row for row in rows if row.weight.tensor not in ends]
    layers = exponents(members, estimator, [row for row in inner if _extent(row) >= FEWEST])
    if not layers:
        raise PrescriptionError(
            f"no layer is left to scale: of {quantity(len(names), 'matrix', 'matrices')} the first and the last keep "
            f"the base value, and so do those with fewer than {FEWEST} eigenvalues. Use one value for all"
        )
    small = {row.weight.tensor for row in inner} - {layer.tensor for layer in layers}
    return Scaled(tuple(layers), tuple(name for name in names if name in ends), _notes(names, ends, small))


def with_ends(members: Members, estimator: str) -> Scaled:
    """As LLR has it: embeddings and heads are the ends, and every other layer is scaled."""
    rows = in_module_order(rows_of(members, estimator))
    ends = [row.weight.tensor for row in rows if row.weight.role in (*TABLES, "head")]
    inner = [row for row in rows if row.weight.tensor not in ends]
    layers = exponents(members, estimator, [row for row in inner if _extent(row) >= FEWEST])
    if not layers:
        raise PrescriptionError(f"no layer has {FEWEST} eigenvalues or more. Use one value for all")
    small = {row.weight.tensor for row in inner} - {layer.tensor for layer in layers}
    return Scaled(tuple(layers), tuple(dict.fromkeys(ends)), _notes((), (), small))


def _extent(row: Row) -> int:
    return min(row.weight.rows, row.weight.columns)


def _has_tied_head(members: Members, rows: Sequence[Row]) -> bool:
    """Whether the last linear layer is a head that shares the embedding, so that the file has no tensor of its own."""
    if any(row.weight.role == "head" for row in rows) or not members.checkpoints:
        return False
    return str(members.checkpoints[0].facts.get("architecture", "")).endswith(TIED)


def _notes(names: Sequence[str], ends: object, small: set[str]) -> tuple[str, ...]:
    notes = []
    if names and isinstance(ends, set):
        end_layers = [name for name in names if name in ends]
        notes.append(f"The base value stays with the first and the last linear layer, here {join_words(end_layers)}.")
    if small:
        notes.append(f"It stays with {quantity(len(small), 'matrix', 'matrices')} of fewer than {FEWEST} eigenvalues.")
    return (
        *notes,
        "The authors measure again and again while they train; from one checkpoint this is an extrapolation.",
    )
