"""Projections that hold queries, keys and values."""

from analysis import names
from analysis.attention import PARTS, fits_groups
from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.lay import Lay, leaf_of

# fused projections that hold all of q, then k, then v (timm, torch.nn, GPT-2, Phi-3, MPT, ModernBERT, lucidrains);
# BLOOM, GPT-NeoX, Falcon, Megatron, InternLM2, CodeGen and MiniMax go head by head, so that headers alone do not tell
IN_ORDER = ("qkv", "in_proj_weight", "c_attn", "wqkv", "qkv_proj", "to_qkv", "attn_qkv", "w_pack")


def fused_heads(name: str, outputs: int, transposed: bool, headers: Headers) -> Lay | None:
    """How q, k and v lie in a fused projection, where the configuration says; None where it does not."""
    attention = headers.attention(name)
    if attention is None or not attention.order:
        return None
    first = fits_groups(outputs, attention)
    if not first:
        return Lay(Layout.MATRIX, transposed)
    if attention.order == PARTS:
        return Lay(Layout.QKV, transposed, first=first)
    return Lay(Layout.QKV_GROUPS, transposed, groups=attention.groups, first=first)


def queries(name: str, outputs: int, inputs: int, headers: Headers) -> int:
    """How many outputs of a fused projection are queries, where all of them come first; 0 where it is not known.

    The output projection beside has an input for each; without one, a third of three times the inputs.
    """
    leaf = leaf_of(name)
    if leaf not in IN_ORDER or _goes_by_heads(name, headers):
        return 0
    total = _attention_width(name, headers) or (inputs if outputs == 3 * inputs else 0)
    rest = outputs - total
    return total if total and rest > 0 and rest % 2 == 0 and rest // 2 <= total and total % (rest // 2) == 0 else 0


def _goes_by_heads(name: str, headers: Headers) -> bool:
    """MiniMax's lightning attention and CodeGen call theirs "qkv_proj" too, and GPT-J's kin lie head by head."""
    words = names.parts(name)
    if words[-1] == "qkv_proj":
        stem = name[: name.rfind("qkv_proj")]
        return f"{stem}output_gate.weight" in headers.of or (len(words) > 1 and words[-2] == "attn")
    sibling = f"{name[: -len('wqkv.weight')]}wo.weight"
    return words[-1] == "wqkv" and words[-2:-1] == ["attention"] and sibling in headers.of  # InternLM2


def _attention_width(name: str, headers: Headers) -> int:
    """How many inputs the output projection of the same attention has; 0 where there is none."""
    stem = name[: name.lower().rfind(leaf_of(name))]
    for leaf in (
        "o_proj",
        "out_proj",
        "proj",
        "Wo",
        "wo",
        "c_proj",
        "dense",
        "to_out.0",
        "to_out",
        "attn_output",
        "attn_out",
    ):
        shape = headers.shape(f"{stem}{leaf}.weight")
        if len(shape) == 2:
            return shape[0] if leaf == "c_proj" and shape[0] != shape[1] else shape[1]
    return 0
