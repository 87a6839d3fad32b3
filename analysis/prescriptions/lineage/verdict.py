"""What the likeness of all matrices says of a model and one candidate for its base, and which of several it is.

Words: weights agree with a base up to some distance. That is a measurement; who took what from whom is not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from analysis.diagnostics.update.kinds import CAST, NEW, NOISE, NONE, SCALED
from analysis.diagnostics.update.origin import PERMUTED
from analysis.errors import escape
from analysis.findings.wording import join_words, percent, quantity
from analysis.other_tensors import OtherTensors
from analysis.prescriptions.lineage.digests import Shared
from analysis.prescriptions.lineage.likeness import ROTATED, ROUNDED, Likeness

MOST = 0.9  # share of the matrices, by entries, from which a word is said of the whole model
HALF = 0.5  # share of the model below which what could be compared does not speak for the whole
FEW = 3  # matrices below which a verdict is a suspicion
CLEAR = 2.0  # times as far as the nearest candidate the next one must be
SENTENCES: Mapping[str, str] = {
    "same": "every tensor has the same values",
    "vectors-only": "every matrix has the same values; {others} differ",
    "cast": "the weights agree up to a cast to half precision",
    "rounded": "no entry differs by more than half a step of bfloat16: nothing was learned, or it was cast only",
    "scaled": "the matrices agree up to a factor",
    "permuted": "the matrices agree up to the order of their rows or columns",
    "rotated": "the singular values agree: rows or columns in another order, or rotated",
    "reparametrised": "the maps of attention have the same singular values, W_qᵀW_k and W_oW_v of each head, and its "
    "matrices do not: heads written in another basis",
    "noise": "the weights agree up to noise: no direction of ΔW lies above that of independent numbers",
    "quantised": "the weights agree up to the rounding of a quantisation (median distance {distance})",
    "near": "the weights agree up to a median distance of {distance} (median cosine {cosine})",
    "part": "{near} of the parameters lie in matrices that are near; {unrelated} in matrices with nothing in common "
    "(median distance {distance}, median cosine {cosine})",
    "unrelated": "the weights have nothing in common but what chance gives",
    "unlike": "no tensor has the same name and shape, so that nothing could be compared",
    "fits": "the adapter's factors fit these shapes; the factors themselves do not tell what they were trained on",
}
HUB: Mapping[str, str] = {"near": "finetune", "vectors-only": "finetune", "quantised": "quantized", "fits": "adapter"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one candidate is to the model."""

    candidate: str
    relation: str  # a key of SENTENCES
    cosine: float | None  # median over the matrices
    distance: float | None  # median of ‖A - B‖/‖B‖
    compared: int  # matrices
    identical: float  # share of the model's parameters that are the same to the last digit
    kinds: Mapping[str, int]  # of the matrices
    others_changed: tuple[str, ...] = ()  # norms, biases and other vectors with other values
    near: float = 0.0  # share of the entries in matrices that are near
    unrelated: float = 0.0

    @property
    def is_kin(self) -> bool:
        """Whether the model's weights agree with the candidate's in more than chance would."""
        return self.relation not in ("unrelated", "unlike", "fits")

    @property
    def relation_on_hub(self) -> str | None:
        """What the Hub would call it: finetune, quantized or adapter; None where the weights do not say."""
        return HUB.get(self.relation)

    def sentence(self, model: str) -> str:
        fields = {
            "others": quantity(len(self.others_changed), "other tensor"),
            "distance": "unknown" if self.distance is None else f"{self.distance:.2g}",
            "cosine": "unknown" if self.cosine is None else f"{self.cosine:.4f}",
            "near": percent(self.near),
            "unrelated": percent(self.unrelated),
        }
        text = f"{escape(model)} and {escape(self.candidate)}: {SENTENCES[self.relation].format(**fields)}"
        is_few = 0 < self.compared < FEW and self.relation != "same"
        return text + (f" (only {quantity(self.compared, 'matrix', 'matrices')}: a suspicion)." if is_few else ".")


def judge(
    candidate: str,
    likenesses: Sequence[Likeness],
    shared: Shared,
    others: OtherTensors | None = None,
    quantised: bool = False,
) -> Verdict:
    """The verdict on one candidate. `quantised`: one of the two holds dequantised weights."""
    changed_names = others.changed if others is not None else ()
    size = max(sum(one.size for one in likenesses), shared.size, 1)
    near_share = sum(one.size for one in likenesses if one.is_near) / size
    foreign_share = sum(one.size for one in likenesses if one.kind == NEW) / size
    return Verdict(
        candidate,
        _relation(likenesses, shared, changed_names, quantised),
        _middle([one.cosine for one in likenesses]),
        _middle([one.relative for one in likenesses]),
        len(likenesses),
        shared.share,
        dict(Counter(one.kind for one in likenesses)),
        tuple(changed_names),
        near_share,
        foreign_share,
    )


def _relation(likenesses: Sequence[Likeness], shared: Shared, changed: Sequence[str], quantised: bool) -> str:
    if not likenesses:
        return "same" if shared.share == 1.0 else "unlike"
    relation = _relation_of_matrices(likenesses, changed, quantised)
    is_covered = sum(one.size for one in likenesses) >= HALF * shared.size
    return relation if is_covered or relation == "unrelated" else "part"


def _relation_of_matrices(likenesses: Sequence[Likeness], changed: Sequence[str], quantised: bool) -> str:
    differences = [one for one in likenesses if one.kind != NONE]
    if not differences:
        return "vectors-only" if changed else "same"
    for kind, word in (
        ((CAST,), "cast"),
        ((CAST, ROUNDED), "rounded"),
        ((SCALED,), "scaled"),
        ((PERMUTED,), "permuted"),
        ((PERMUTED, ROTATED), "rotated"),
        ((NOISE,), "noise"),
    ):
        if _share(differences, kind) >= (1.0 if word in ("cast", "rounded", "scaled") else MOST):
            return "quantised" if word == "noise" and quantised else word
    if sum(one.size for one in likenesses if one.is_near or one.kind == NONE) >= MOST * sum(o.size for o in likenesses):
        has_moved = any(one.kind in (PERMUTED, ROTATED) for one in differences)
        return "quantised" if quantised else "rotated" if has_moved and _is_quiet(differences) else "near"
    if any(one.kind in (PERMUTED, ROTATED) for one in differences) and _is_quiet(differences):
        return "permuted" if all(one.kind == PERMUTED for one in differences) else "rotated"
    return "unrelated" if _share(likenesses, (NEW,)) >= MOST else "part"


def _share(likenesses: Sequence[Likeness], kinds: Sequence[str]) -> float:
    return sum(one.size for one in likenesses if one.kind in kinds) / sum(one.size for one in likenesses)


def _is_quiet(likenesses: Sequence[Likeness]) -> bool:
    """Whether every matrix that changed is in another order, rotated, cast or rounded: nothing was trained."""
    return all(one.kind in (PERMUTED, ROTATED, CAST, ROUNDED) for one in likenesses)


def _middle(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return median(numbers) if numbers else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the candidates the model's weights agree with most, or why none can be named."""

    best: Verdict | None
    reason: str


ORDER = (
    "same",
    "vectors-only",
    "cast",
    "rounded",
    "scaled",
    "permuted",
    "rotated",
    "reparametrised",
    "quantised",
    "noise",
    "near",
    "part",
)
EXACT = ORDER[:8]  # relations without a distance of their own


def choose_base(verdicts: Sequence[Verdict], model: str) -> Choice:
    """The nearest candidate: an exact relation before a near one, then by distance. None where two are as near."""
    kin = sorted((one for one in verdicts if one.is_kin), key=_rank)
    if not kin:
        fits = [one for one in verdicts if one.relation == "fits"]
        if fits:
            names = join_words([escape(one.candidate) for one in fits])
            return Choice(None, f"An adapter's weights do not name its base; its shapes fit {names}.")
        return Choice(None, f"The weights of {escape(model)} agree with none of the {len(verdicts)} candidates.")
    nearest = kin[0]
    rivals = [one for one in kin[1:] if not _is_clear(nearest, one)]
    if rivals:
        names = join_words([escape(one.candidate) for one in (nearest, *rivals)])
        return Choice(None, f"The weights of {escape(model)} agree with {names} to about the same distance.")
    return Choice(nearest, nearest.sentence(model))


def _rank(verdict: Verdict) -> tuple[int, float]:
    exact = ORDER.index(verdict.relation) if verdict.relation in EXACT else len(EXACT)
    return exact, verdict.distance if verdict.distance is not None else float("inf")


def _is_clear(best: Verdict, other: Verdict) -> bool:
    if best.relation in EXACT:
        return other.relation != best.relation
    if best.distance is None or other.distance is None:
        return False
    return other.distance >= CLEAR * best.distance
