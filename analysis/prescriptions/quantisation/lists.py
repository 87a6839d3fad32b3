"""The layers to leave unquantised, as llm-compressor, llama-quantize and bitsandbytes read them."""

import re
from collections.abc import Sequence

from analysis.prescriptions.naming import block_of, module_of
from analysis.prescriptions.writing import to_bytes, to_yaml
from analysis.weight import TensorInfo

GGUF = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "qkv": "attn_qkv", "o": "attn_output", "gate": "ffn_gate",
        "up": "ffn_up", "down": "ffn_down"}  # fmt: skip
KEPT = "q8_0"


def list_files(chosen: Sequence[TensorInfo], heads: Sequence[TensorInfo]) -> dict[str, bytes]:
    """A file for each tool; the head is in every list but llama-quantize's, which has an option of its own for it."""
    modules = [module_of(info.name) for info in (*heads, *chosen)]
    ignore = [module_of(head.name) for head in heads] + [f"re:^{re.escape(module_of(info.name))}$" for info in chosen]
    types = [f"{name}={KEPT}\n" for info in chosen if (name := gguf_name(info)) is not None]
    return {
        "llm_compressor_ignore.yaml": to_yaml({"ignore": ignore}),
        "tensor-types.txt": "".join(types).encode(),
        "bitsandbytes.json": to_bytes({"llm_int8_skip_modules": modules}),
    }


def gguf_name(info: TensorInfo) -> str | None:
    """The name that a converted file gives a tensor of a decoder block; None for any other.

    Experts share one stacked tensor there, so that one of them cannot be kept alone.
    """
    part = GGUF.get(info.role)
    if part is None or info.depth is None or block_of(info.name) is None or "expert" in info.name:
        return None
    return f"blk.{info.depth}.{part}"
