"""How matrices lie in a tensor, from its name, its shape, and the names and shapes around it.

Every rule that goes by shapes alone asks for shapes that only one reading gives; where two are left, the tensor is
taken as the file has it.
"""

import math
import re
from dataclasses import dataclass

from analysis import names
from analysis.attention import PARTS, fits_groups
from analysis.layout import KERNELS, Layout
from analysis.tensors.header import Headers

SHORT = 32  # positions of a 1-D convolution whose name and neighbours do not say that it is one
CONV1D = ("c_attn", "c_proj", "c_fc", "q_attn")  # transformers.pytorch_utils.Conv1D stores (in, out)
TRANSPOSED = re.compile(r"convtr\d*|.*conv_?trans(?:pose)?\d*d?|.*deconv.*|.*transposed?_?conv.*|convt\d*")
GROUPED = re.compile(r"conv_?2(?:_\w+)?|conv_(?:kxk|3x3)|conv2\w*|convolution|b|group_?conv.*|gconv.*")
DEPTHWISE = re.compile(r"dw|dw_?conv|conv_?dw|.*depth_?wise.*|dconv|conv_kxk|.*_dw(?:_.*)?|dw_.*|lepe|short_conv.*|"
                       r".*_conv1d|positional_encoding|depth_wise_conv|lpu|convs_dilated|convs_sep")  # fmt: skip
STATE = re.compile(r"mixer|mamba\d?|.*mamba.*|ssm|linear_attn|temporal_block|.*lstm.*|conv")
FIRST = re.compile(r"conv_?1?|conv_?0|stem.*|conv_in|conv_pre|.*patch_embed.*|conv_first|.*extractor.*|first.*")
HEADS = ("q", "k", "v", "r", "query", "key", "value")
OUTPUTS = ("o", "out", "attention_output", "output")
# order in which a fused tensor holds what is activated and what it is multiplied with
GATE_FIRST = ("gate_up_proj", "gate_up", "w12", "linear_fc1", "input_linear", "wi", "dense_h_to_4h",
              "ffn_gateup", "gateup_proj")  # fmt: skip
UP_FIRST = ("up_gate_proj", "proj", "ff_proj")  # GEGLU of diffusers; OLMo
DOWNS = ("down_proj", "w3", "linear_fc2", "output_linear", "wo", "fc2", "dense_4h_to_h", "down", "ff_out", "w2", "2",
         "down_linear", "linear2", "c_proj", "proj_out")  # fmt: skip
# fused projections that hold all of q, then k, then v (timm, torch.nn, GPT-2, Phi-3, MPT, ModernBERT, lucidrains);
# BLOOM, GPT-NeoX, Falcon, Megatron, InternLM2, CodeGen and MiniMax go head by head, so that headers alone do not tell
IN_ORDER = ("qkv", "in_proj_weight", "c_attn", "wqkv", "qkv_proj", "to_qkv", "attn_qkv", "w_pack")


@dataclass(frozen=True, slots=True)
class Lay:
    """How matrices lie: what kind, whether stored (in, out), in how many groups, how long the first part is."""

    layout: Layout
    transposed: bool = False
    groups: int = 1
    first: int = 0
    unfit: str = ""
    role: str = ""  # where the shapes say more of it than the name


def lay_of(name: str, role: str, headers: Headers, conv1d: bool) -> Lay:
    """How the matrices lie in a tensor of at least two dimensions."""
    shape = headers.of[name].shape
    if (joined := _join_heads(name, headers)) is not None:
        return joined
    if _is_stack(name, role, headers):
        return Lay(*_stack_layout(name, role, headers))
    if role == "position" or (len(shape) == 3 and shape[0] == 1 and not _is_kernel(name, role, headers)):
        return Lay(Layout.MATRIX)
    if len(shape) > 2:
        return _kernel(name, headers)
    if role == "recurrent":
        return _gates(name, headers)
    return _matrix_layout(name, role, headers, _inputs_first(name, role, headers, conv1d))


def counted_matrices(name: str, role: str, headers: Headers) -> int:
    """How many matrices a tensor of more than two dimensions would make; 1 for others."""
    shape = headers.of[name].shape
    if len(shape) < 3 or _join_heads(name, headers) is not None:
        return 1
    lay = lay_of(name, role, headers, conv1d=False)
    if lay.layout not in KERNELS:
        return shape[0] if lay.layout != Layout.MATRIX else 1
    rows, columns, positions = kernel_extents(shape, lay.layout)
    if lay.groups > 1:
        return lay.groups
    return 1 if min(rows, columns) == 1 else positions


def kernel_extents(shape: tuple[int, ...], layout: str) -> tuple[int, int, int]:
    """Outputs, inputs and positions of a kernel, before it is cut into groups."""
    match layout:
        case Layout.KERNEL_TRANSPOSED:
            return shape[1], shape[0], math.prod(shape[2:])
        case Layout.KERNEL_LAST:
            return shape[-1], shape[-2], math.prod(shape[:-2])
        case Layout.KERNEL_LAST_TRANSPOSED:
            return shape[-2], shape[-1], math.prod(shape[:-2])
        case Layout.KERNEL_MIDDLE:
            return shape[0], shape[-1], math.prod(shape[1:-1])
        case Layout.KERNEL_DEPTHWISE:
            return shape[-2] * shape[-1], 1, math.prod(shape[:-2])
        case _:
            return shape[0], shape[1], math.prod(shape[2:])


def _leaf(name: str) -> str:
    return names.parts(name)[-1]


def _ends_in_kernel(name: str) -> bool:
    return name.lower().removesuffix(":0").endswith("kernel")


# Heads apart


def _join_heads(name: str, headers: Headers) -> Lay | None:
    """Projections stored as (d, heads, d_head), or back as (heads, d_head, d): XLNet, Funnel, Flax, Keras."""
    shape = headers.of[name].shape
    if len(shape) != 3 or names.holds_experts(names.parts(name)):
        return None
    found = names.parts(name)
    above = found[-2] if len(found) > 1 else ""
    if _ends_in_kernel(name):
        if found[-1] in HEADS:
            return Lay(Layout.JOINED_LAST, transposed=True)
        return Lay(Layout.JOINED_FIRST, transposed=True) if found[-1] in OUTPUTS else None
    bare = name.endswith(found[-1]) and "att" in above
    if bare and found[-1] in HEADS:
        return Lay(Layout.JOINED_LAST, transposed=True)
    return Lay(Layout.JOINED_LAST) if bare and found[-1] in OUTPUTS else None  # XLNet: (d, heads, d_head) both ways


# Experts


def _is_stack(name: str, role: str, headers: Headers) -> bool:
    """Whether a tensor of three dimensions holds one matrix for each of its members."""
    shape = headers.of[name].shape
    return (
        len(shape) == 3
        and (names.holds_experts(names.parts(name)) or not _is_kernel(name, role, headers))
        and (shape[0] > 1 or names.holds_experts(names.parts(name)))
    )


def _stack_layout(name: str, role: str, headers: Headers) -> tuple[Layout, bool]:
    """Stacked experts are (expert, in, out) or (expert, out, in), their gate and up halves or alternating."""
    holds = names.holds_experts(names.parts(name))
    transposed = (holds and _experts_inputs_first(name, headers)) or _is_relational(name, headers)
    outputs = headers.of[name].shape[2 if transposed else 1]
    if role != "gate_up" or outputs % 2:
        return Layout.STACK, transposed
    alternating = f"{name}_bias" in headers.of  # of the models that stack, only gpt-oss has biases, and it alternates
    return (Layout.STACK_PAIRS if alternating else Layout.STACK_HALVES), transposed


def _experts_inputs_first(name: str, headers: Headers) -> bool:
    """Gate and up have twice the outputs that down has inputs; alone, a bare parameter is (in, out) as in Llama 4."""
    up = headers.shape(name.replace("down_proj", "gate_up_proj"))
    down = headers.shape(name.replace("gate_up_proj", "down_proj"))
    if up is not down and len(up) == len(down) == 3:
        return up[2] == 2 * down[1]
    return not name.endswith(".weight")


def _is_relational(name: str, headers: Headers) -> bool:
    """Whether it is PyTorch Geometric's RGCNConv: (relation, in, out) beside the root's (in, out)."""
    root = headers.shape(name.removesuffix("weight") + "root")
    return len(root) == 2 and headers.of[name].shape[1:] == root


# Convolutions


def _is_kernel(name: str, role: str, headers: Headers) -> bool:
    """Whether a tensor is a convolution's: its name, a bias as long as one of its sides, or its shape says so."""
    shape = headers.of[name].shape
    if len(shape) != 3:
        return len(shape) > 3
    if _is_relational(name, headers) or names.holds_experts(names.parts(name)):
        return False
    if role == "conv" or "conv" in name[-names.CONSIDERED :].lower() or _ends_in_kernel(name):
        return True
    if "bilinear" in name.lower() or shape[0] == 1:
        return False
    bias = headers.bias_shape(name)
    if name.endswith("weight") and bias in ((shape[0],), (shape[1],)):
        return True
    return shape[2] <= SHORT or (name.endswith("weight") and (shape[1] == 1 or shape[0] >= shape[2]))


def _kernel(name: str, headers: Headers) -> Lay:
    layout = _kernel_layout(name, headers)
    shape = headers.of[name].shape
    rows, columns, positions = kernel_extents(shape, layout)
    groups, unfit = 1, ""
    if _leaf(name) == "depthwise_kernel":
        groups, layout = shape[-2], Layout.KERNEL_DEPTHWISE
    elif layout == Layout.KERNEL and columns < rows and rows % columns == 0 and positions > 1:
        groups, unfit = _groups(name, rows, columns, headers)
    if groups > 1 and columns == 1:
        unfit = DEPTHWISE_UNFIT
    return Lay(layout, groups=groups, unfit=unfit)


DEPTHWISE_UNFIT = "a depthwise convolution mixes no channels: its singular values are the lengths of its filters"
EITHER_UNFIT = "a depthwise convolution or one of a single input: the file does not say which, and no tail says either"


def _kernel_layout(name: str, headers: Headers) -> Layout:
    """In which order a convolution's kernel has its outputs, inputs and positions."""
    shape, bias = headers.of[name].shape, headers.bias_shape(name)
    if _ends_in_kernel(name) or (name.endswith((".w", "/w")) and bias == shape[-1:]):
        if len(bias) == 1 and bias[0] == shape[-2] != shape[-1]:
            return Layout.KERNEL_LAST_TRANSPOSED
        return Layout.KERNEL_LAST
    if len(shape) == 4 and (told := _order(headers)) != Layout.KERNEL and _square(shape, told):
        return told
    if _is_transposed(name, shape, bias):
        return Layout.KERNEL_TRANSPOSED
    return Layout.KERNEL


def _is_transposed(name: str, shape: tuple[int, ...], bias: tuple[int, ...]) -> bool:
    """Whether it is (in, out, *positions): its bias has the length of the second side, or its name says so."""
    if len(bias) == 1 and shape[0] != shape[1] and bias[0] in shape[:2]:
        return bias[0] == shape[1]
    return any(TRANSPOSED.fullmatch(word) for word in names.parts(name)[-2:] if not word.isdigit())


def _order(headers: Headers) -> Layout:
    """The order of dimensions that all square 2-D kernels of the file agree on: PyTorch's, MLX's or TensorFlow's."""
    votes = headers.votes
    if not votes[Layout.KERNEL]:
        for layout in (Layout.KERNEL_MIDDLE, Layout.KERNEL_LAST):
            if votes[layout] > max(1, sum(votes.values()) // 2):
                return layout
    return Layout.KERNEL


def _square(shape: tuple[int, ...], layout: Layout) -> bool:
    a, b, c, _ = shape
    return b == c if layout == Layout.KERNEL_MIDDLE else a == b


def _groups(name: str, rows: int, columns: int, headers: Headers) -> tuple[int, str]:
    """How many groups a convolution has, from its name and from the channels of the block that it lies in."""
    if columns == 1 and _is_depthwise(name):
        return rows, ""
    if columns > 1 and any(word in ("pos_conv_embed", "pos_conv") for word in names.parts(name)):
        return rows // columns, ""  # wav2vec 2.0
    around = [other for other in headers.block(name) if other != name and len(headers.of[other].shape) > 1]
    sides = [(headers.of[other].shape[0], headers.of[other].shape[1]) for other in around]
    inside = any(first == rows for first, _ in sides) and any(second == rows for _, second in sides)
    grouped = any(GROUPED.fullmatch(word) for word in names.parts(name)[-3:])
    if inside and (columns == 1 or (grouped and not any(columns in side for side in sides))):
        return rows // columns, ""
    if columns > 1:
        return 1, ""
    return 1, "" if _is_first(name, headers) else EITHER_UNFIT


def _is_depthwise(name: str) -> bool:
    found = [word for word in names.parts(name) if not word.isdigit()]
    if any(DEPTHWISE.fullmatch(word) for word in found[-2:]):
        return True
    return len(found) > 1 and found[-1] in ("conv1d", "conv") and STATE.fullmatch(found[-2]) is not None


def _is_first(name: str, headers: Headers) -> bool:
    """Whether a convolution of one input can be a network's first: nothing is numbered before it."""
    found = names.parts(name)
    numbers = [int(word) for word in found if word.isdigit() and len(word) < 9]
    alone = sum(len(header.shape) > 2 and header.shape[1] == 1 for header in headers.of.values()) <= FEW_FIRST
    return not any(numbers) and alone and (bool(numbers) or any(FIRST.fullmatch(word) for word in found[-2:]))


FEW_FIRST = 4  # convolutions of one input in a network that has them because its input has one channel


# Recurrent layers


def _gates(name: str, headers: Headers) -> Lay:
    """LSTM, GRU or a plain RNN: how many times the hidden size the rows of the recurrent matrix hold."""
    if _ends_in_kernel(name):
        return _keras_gates(name, headers)
    leaf = name.rpartition(".")[2]
    if leaf.startswith("weight_hr"):
        return Lay(Layout.MATRIX)  # the projection of an LSTM
    projected = name.replace("weight_ih", "weight_hr").replace("weight_hh", "weight_hr")
    if projected in headers.of:
        return Lay(Layout.LSTM)  # only an LSTM can have one
    recurrent = headers.shape(name.replace("weight_ih", "weight_hh"))
    if len(recurrent) != 2 or headers.of[name].shape[0] != recurrent[0]:
        return Lay(Layout.MATRIX)
    rows, hidden = recurrent
    return Lay({4 * hidden: Layout.LSTM, 3 * hidden: Layout.GRU}.get(rows, Layout.MATRIX))


def _keras_gates(name: str, headers: Headers) -> Lay:
    """Keras has its gates on the columns, those of a GRU in another order."""
    hidden, columns = headers.of[name].shape
    layout = {4 * hidden: Layout.LSTM, 3 * hidden: Layout.GRU_UPDATE_FIRST}.get(columns, Layout.MATRIX)
    return Lay(layout, transposed=True)


# Matrices


def _inputs_first(name: str, role: str, headers: Headers, conv1d: bool) -> bool:
    """Whether a matrix is stored (in, out): a kernel of Keras or Flax, a bias as long as its columns, or a Conv1D."""
    if role in ("embedding", "position"):
        return False
    shape, bias = headers.of[name].shape, headers.bias_shape(name)
    if len(bias) == 1 and shape[0] != shape[1] and bias[0] in shape:
        return bias[0] == shape[1]  # of kernels too: FlaxConv1D of transformers stores (out, in)
    if _ends_in_kernel(name):
        return True
    if name.endswith((".w", "/w")) and bias == shape[1:]:
        return True  # Haiku
    return conv1d and _leaf(name) in CONV1D


def stores_inputs_first(headers: Headers) -> bool:
    """Whether GPT-2's names mean Hugging Face's Conv1D here. nanoGPT and StarCoder use the same names for Linear.

    A bias as long as one side and not the other settles it; else c_attn, whose outputs are three times its inputs.
    """
    for name, header in headers.of.items():
        if len(header.shape) != 2 or _leaf(name) not in CONV1D or header.shape[0] == header.shape[1]:
            continue
        bias = headers.bias_shape(name)
        if bias in ((header.shape[0],), (header.shape[1],)):
            return bias == (header.shape[1],)
        if _leaf(name) == "c_attn":
            return header.shape[1] > header.shape[0]
    return True


def _matrix_layout(name: str, role: str, headers: Headers, transposed: bool) -> Lay:
    """A matrix, cut where names and shapes say that it holds several."""
    shape = headers.of[name].shape
    outputs, inputs = reversed(shape) if transposed else shape
    if outputs % 2 == 0 and (
        role == "gate_up" or (role == "up" and _is_gated(name, outputs, inputs, headers, transposed))
    ):
        order = {**dict.fromkeys(GATE_FIRST, Layout.HALVES), **dict.fromkeys(UP_FIRST, Layout.HALVES_UP_FIRST)}
        return Lay(order.get(_leaf(name), Layout.MATRIX), transposed, role="gate_up")
    if role == "qkv" and (fused := _fused_heads(name, outputs, transposed, headers)) is not None:
        return fused
    if role == "qkv" and (first := _queries(name, outputs, inputs, headers)):
        return Lay(Layout.QKV, transposed, first=first)
    return Lay(Layout.MATRIX, transposed)


def _is_gated(name: str, outputs: int, inputs: int, headers: Headers, transposed: bool) -> bool:
    """Whether the matrix that follows in the same MLP has half as many inputs as this has outputs."""
    stem = name.removesuffix(".weight")
    above = stem.rpartition(".")[0]
    for parent in (above, above.rpartition(".")[0]):
        for down in (*DOWNS, "Wo"):
            shape = headers.shape(f"{parent}.{down}.weight")
            if len(shape) == 2 and f"{parent}.{down}" != stem:
                return shape == ((outputs // 2, inputs) if transposed else (inputs, outputs // 2))
    return False


def _fused_heads(name: str, outputs: int, transposed: bool, headers: Headers) -> Lay | None:
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


def _queries(name: str, outputs: int, inputs: int, headers: Headers) -> int:
    """How many outputs of a fused projection are queries, where all of them come first; 0 where it is not known.

    The output projection beside has an input for each; without one, a third of three times the inputs.
    """
    leaf = _leaf(name)
    if leaf not in IN_ORDER or _goes_by_heads(name, headers):
        return 0
    total = _attention_width(name, headers) or (inputs if outputs == 3 * inputs else 0)
    rest = outputs - total
    return total if total and rest > 0 and rest % 2 == 0 and rest // 2 <= total and total % (rest // 2) == 0 else 0


def _goes_by_heads(name: str, headers: Headers) -> bool:
    """MiniMax's lightning attention and CodeGen call theirs "qkv_proj" too, and GPT-J's kin lie head by head."""
    found = names.parts(name)
    if found[-1] == "qkv_proj":
        stem = name[: name.rfind("qkv_proj")]
        return f"{stem}output_gate.weight" in headers.of or (len(found) > 1 and found[-2] == "attn")
    beside = f"{name[: -len('wqkv.weight')]}wo.weight"
    return found[-1] == "wqkv" and found[-2:-1] == ["attention"] and beside in headers.of  # InternLM2


def _attention_width(name: str, headers: Headers) -> int:
    """How many inputs the output projection of the same attention has; 0 where there is none."""
    found = name[: name.lower().rfind(_leaf(name))]
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
        shape = headers.shape(f"{found}{leaf}.weight")
        if len(shape) == 2:
            return shape[0] if leaf == "c_proj" and shape[0] != shape[1] else shape[1]
    return 0
