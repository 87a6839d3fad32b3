"""The rule `slices`: heads, experts and layers looked at one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.diagnostic import Option, Options, Scalar
from analysis.errors import UnmeasuredLayer
from analysis.findings.wording import percent, quantity
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Output, Rule
from analysis.prescriptions.slices.attention import Slice, attentions, read_heads, read_updated_heads
from analysis.prescriptions.slices.layers import compare_experts, compare_layers, router_cosines
from analysis.prescriptions.slices.maps import heads_holding
from analysis.prescriptions.writing import to_bytes

RANK_ONE = 0.9  # share of a slice's energy in one direction, from which it is an edit of rank one

OF = Option(
    "of",
    "all",
    "What is looked at: heads of attention, experts, layers of one type (sharing), or all of them.",
    choices=("all", "heads", "experts", "sharing"),
)


def prescribe(members: Members, options: Options) -> Answer:
    members.check_whole()
    reasons: list[str] = []
    scope, has_update = options.text("of"), len(members.checkpoints) > 1
    slices: list[Slice] = []
    if scope in ("all", "heads"):
        slices = list(read_updated_heads(members, reasons) if has_update else read_heads(members.checkpoint(), reasons))
    extra: dict[str, Any] = {"heads": [_head(one) for one in slices], "heads_holding_90": holding(slices)}
    if scope in ("all", "experts") and not has_update:
        extra |= {
            "experts": compare_experts(members.checkpoint(), reasons),
            "routers": router_cosines(members.checkpoint()),
        }
    if scope in ("all", "sharing") and not has_update:
        extra["sharing"] = compare_layers(members.checkpoint(), reasons)
    if not slices and not extra.get("experts") and not extra.get("sharing"):
        raise UnmeasuredLayer(f"there is nothing to slice: {_why(members, reasons)}")
    main = _main(slices)
    return Answer(
        entries={one.name: one.values["share"] for one in main},
        details={one.name: {k: v for k, v in one.values.items() if k != "share"} for one in main},
        extra=extra,
        notes=_notes(members, slices, extra, reasons),
        files={"heads.json": to_bytes(extra["heads"])},
    )


def _main(slices: Sequence[Slice]) -> list[Slice]:
    """Those that the table shows: of o_proj, where heads write, else of queries."""
    for role in ("o", "q"):
        if matches := [one for one in slices if one.role == role]:
            return matches
    return list(slices)


def _head(one: Slice) -> dict[str, Scalar]:
    return {"tensor": one.tensor, "role": one.role, "head": one.head, **one.values}


def holding(slices: Sequence[Slice]) -> dict[str, int]:
    """Of each projection the fewest heads that hold 90 % of its ‖·‖²."""
    shares: dict[str, list[float]] = {}
    for one in slices:
        shares.setdefault(one.tensor, []).append(float(one.values["share"] or 0.0))
    return {name: heads_holding(values) for name, values in shares.items()}


def _why(members: Members, left: Sequence[str]) -> str:
    if left:
        return left[0]
    if attentions(members.checkpoint()):
        return "how many heads there are is not known: give the folder with config.json"
    return "it has no attention, no experts and no two layers of one type"


def _notes(members: Members, slices: Sequence[Slice], extra: Mapping[str, Any], left: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if not slices and attentions(members.checkpoint()):
        notes.append("Heads: how many there are is not known; give the folder with config.json.")
    if len(members.checkpoints) > 1 and slices:
        notes += _edits(slices)
    elif slices:
        notes.append(
            "qk_safe_bound is σ₁(W_q) σ₁(W_k), which holds whatever RoPE rotates; qk_sigma1 of the product is no bound "
            "then. logit_bound has the norm's γ in it, and is left out where RMSNorm is not known to come before."
        )
    if extra.get("experts"):
        notes.append(
            "Experts: likeness of weights is a proxy, Sub-MoE groups by outputs. Equal experts with their hidden units "
            "in another order look unlike but up to permutation."
        )
    if extra.get("sharing"):
        top_kind = max(extra["sharing"], key=lambda kind: extra["sharing"][kind]["above_chance"][0])
        energy = extra["sharing"][top_kind]["energy"][0]
        layers = extra["sharing"][top_kind]["layers"]
        notes.append(
            f"Sharing: one atom keeps most of {top_kind}, {percent(energy)} of {layers} layers (by chance "
            f"{percent(1 / layers)})."
        )
    return (*notes, *(f"Not examined: {one}" for one in left))


def _edits(slices: Sequence[Slice]) -> list[str]:
    """What stands out of an update: few heads that hold it, and heads that were changed in one direction."""
    notes = []
    for name, count in holding(slices).items():
        heads = [one for one in slices if one.tensor == name]
        if heads[0].role == "o" and 0 < count <= max(1, len(heads) // 4):
            top_heads = sorted(heads, key=lambda one: -float(one.values["share"] or 0.0))[:count]
            numbers = ", ".join(str(one.head) for one in top_heads)
            notes.append(f"{name}: {quantity(count, 'head')} of {len(heads)} hold 90 % of the update: {numbers}.")
    single = [one.name for one in slices if float(one.values["top_share"] or 0.0) >= RANK_ONE]
    if single:
        notes.append(f"{quantity(len(single), 'slice')} changed in one direction alone, first {single[0]}.")
    return notes or ["The updates are spread over the heads; no few of them hold 90 % of an o_proj."]


SLICES = Rule(
    name="slices",
    title="Heads, experts and layers",
    reference="ThinkEdit; Sub-MoE, arXiv 2506.23266; Share Your Attention; QK-clip (MuonClip)",
    description="Looks at heads, experts and layers one by one: where an edit sits, the size of logits, what is alike.",
    inputs="one checkpoint with its config.json, or a base and what was trained from it",
    value="share",
    validated_on="Closed forms and planted edits in our own tests; what follows for pruning or sharing was not tried.",
    compute=prescribe,
    options=(OF,),
    outputs=(Output("heads.json", "any", "a list of all heads of all projections with their numbers"),),
    most=2,
    weights=True,
)
