"""Which tensor of a tuned checkpoint is which tensor of its base, from names and shapes alone.

`align` finds for every matrix of the base its partner in each other checkpoint, or says why there is none. Names may
differ in what stands in front (`analysis.tensors.prefixes`), tensors in dtype, orientation, the file that they lie in,
and, where a vocabulary was resized, in their rows.
"""

from collections.abc import Sequence

from analysis.adapters.names import AdaptedModule
from analysis.errors import WrongBase
from analysis.tensors.matching.alignment import Aligned, Alignment, Member, Unmatched
from analysis.tensors.matching.causes import why_nothing_belongs
from analysis.tensors.matching.pairs import Match, match
from analysis.tensors.matching.partners import Partner
from analysis.tensors.matching.tied import head_of
from analysis.tensors.matching.vocabularies import find_tied_embedding
from analysis.weight import TensorInfo


def align(members: Sequence[Member], same_shape: bool = True) -> Alignment:
    """The base's matrices with their partners. Without `same_shape`, names decide alone: models of several widths.

    Raises WrongBase where the first checkpoint is an adapter.
    """
    base, *tuned = members
    if base.kind == "adapter":
        text = "is an adapter: the first checkpoint must be the whole model that the others come from"
        raise WrongBase(f"the first of {len(members)} checkpoints {text}", "base-is-adapter")
    matches = [match(base, member, same_shape) for member in tuned]
    rows = tuple(
        Aligned(info, tuple(match.partners.get(info.called) for match in matches))
        for info in base.tensors
        if info.skip is None
    )
    rows += _head_rows(base.tensors, matches)
    return Alignment(rows, tuple(match.unmatched for match in matches), tuple(match.missing for match in matches))


def _head_rows(base: Sequence[TensorInfo], found: "Sequence[Match]") -> tuple[Aligned, ...]:
    """A row of its own for a head that the base ties to its embedding, where some tuned checkpoint has one."""
    name = next((match.head[0] for match in found if match.head), None)
    embedding = find_tied_embedding(base)
    if name is None or embedding is None:
        return ()
    return (Aligned(head_of(embedding, name), tuple(match.head[1] if match.head else None for match in found)),)


def check_base(alignment: Alignment, names: Sequence[str]) -> None:
    """Raises WrongBase where no tensor of a tuned checkpoint has a partner; `names` are the checkpoints'.

    Nor may all factors of an adapter be without: the head that it trained beside them tells nothing of its layers.
    """
    for position, reasons in enumerate(alignment.unmatched, 1):
        partners = [partner for row in alignment.rows if (partner := row.partners[position - 1])]
        strange = [] if any(map(_is_change, partners)) else [pair for pair in reasons if _is_of_factor(pair)]
        if strange or not partners:
            theirs = [name for name, _ in alignment.missing[position - 1]]
            raise WrongBase(*why_nothing_belongs(strange or reasons, names[position], names[0], theirs))


def _is_change(partner: Partner) -> bool:
    """Whether it is a change that an adapter makes, and no new value by itself, such as a head."""
    return isinstance(partner.source, AdaptedModule) or bool(partner.changes)


def _is_of_factor(left: Unmatched) -> bool:
    """Whether it is a factor of an adapter whose module the base does not have."""
    return left.reason.startswith("changes ")
