"""Plain matrices: which side comes first, and where one holds a gate or the whole of an attention."""

from analysis.layout import Layout
from analysis.tensors.header import Headers
from analysis.tensors.layouts.fused import fused_heads, queries
from analysis.tensors.layouts.lay import Lay, ends_in_kernel, leaf_of

CONV1D = ("c_attn", "c_proj", "c_fc", "q_attn")  # transformers.pytorch_utils.Conv1D stores (in, out)
# order in which a fused tensor holds what is activated and what it is multiplied with
GATE_FIRST = ("gate_up_proj", "gate_up", "w12", "linear_fc1", "input_linear", "wi", "dense_h_to_4h",
              "ffn_gateup", "gateup_proj")  # fmt: skip
UP_FIRST = ("up_gate_proj", "proj", "ff_proj")  # GEGLU of diffusers; OLMo
DOWNS = ("down_proj", "w3", "linear_fc2", "output_linear", "wo", "fc2", "dense_4h_to_h", "down", "ff_out", "w2", "2",
         "down_linear", "linear2", "c_proj", "proj_out")  # fmt: skip


def inputs_first(name: str, role: str, headers: Headers, conv1d: bool) -> bool:
    """Whether a matrix is stored (in, out): a kernel of Keras or Flax, a bias as long as its columns, or a Conv1D."""
    if role in ("embedding", "position"):
        return False
    shape, bias = headers.of[name].shape, headers.bias_shape(name)
    if len(bias) == 1 and shape[0] != shape[1] and bias[0] in shape:
        return bias[0] == shape[1]  # of kernels too: FlaxConv1D of transformers stores (out, in)
    if ends_in_kernel(name):
        return True
    if name.endswith("/w") or (name.endswith(".w") and bias == shape[1:]):
        return True  # Haiku
    if leaf_of(name) == "linear" and "gating_einsum" in headers.block_words(name):
        return True  # Gemma of Flax
    return conv1d and leaf_of(name) in CONV1D


def stores_inputs_first(headers: Headers) -> bool:
    """Whether GPT-2's names mean Hugging Face's Conv1D here. nanoGPT and StarCoder use the same names for Linear.

    A bias as long as one side and not the other settles it; else c_attn, whose outputs are three times its inputs.
    """
    for name, header in headers.of.items():
        if len(header.shape) != 2 or leaf_of(name) not in CONV1D or header.shape[0] == header.shape[1]:
            continue
        bias = headers.bias_shape(name)
        if bias in ((header.shape[0],), (header.shape[1],)):
            return bias == (header.shape[1],)
        if leaf_of(name) == "c_attn":
            return header.shape[1] > header.shape[0]
    return True


def matrix_layout(name: str, role: str, headers: Headers, transposed: bool) -> Lay:
    """A matrix, cut where names and shapes say that it holds several."""
    shape = headers.of[name].shape
    outputs, inputs = reversed(shape) if transposed else shape
    if outputs % 2 == 0 and (
        role == "gate_up" or (role == "up" and _is_gated(name, outputs, inputs, headers, transposed))
    ):
        order = {**dict.fromkeys(GATE_FIRST, Layout.HALVES), **dict.fromkeys(UP_FIRST, Layout.HALVES_UP_FIRST)}
        return Lay(order.get(leaf_of(name), Layout.MATRIX), transposed, role="gate_up")
    if role == "qkv" and (lay := fused_heads(name, outputs, transposed, headers)) is not None:
        return lay
    if role == "qkv" and (first := queries(name, outputs, inputs, headers)):
        return Lay(Layout.QKV, transposed, first=first)
    return Lay(Layout.MATRIX, transposed)


def _is_gated(name: str, outputs: int, inputs: int, headers: Headers, transposed: bool) -> bool:
    """Whether the matrix that follows in the same MLP has half as many inputs as this has outputs."""
    stem, _, ending = name.rpartition(".")
    if not ending.startswith("weight"):
        return False
    module = stem.rpartition(".")[0]
    for parent in (module, module.rpartition(".")[0]):
        for down in (*DOWNS, "Wo"):
            shape = headers.shape(f"{parent}.{down}.{ending}")
            if len(shape) == 2 and f"{parent}.{down}" != stem:
                return shape == ((outputs // 2, inputs) if transposed else (inputs, outputs // 2))
    return False
